@ A small kernel module for ARM, as objcopy and modinfo see one. Its symbol versions are those
@ of the real dm9000.ko whose table is found first by `as -I`.

	.section .modinfo, "a"
	.asciz	"license=GPL"
	.asciz	"name=mine"
	.asciz	"vermagic=6.1.0 SMP mod_unload modversions ARMv7 p2v8 "

	.section __versions, "a"
	.incbin	"dm9000.versions"

	.section .init.text, "ax"
	.global	init_module
	.type	init_module, %function
init_module:
	mov	r0, #0
	bx	lr
	.size	init_module, . - init_module

	.section .gnu.linkonce.this_module, "aw"
	.word	init_module
