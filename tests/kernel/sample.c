/* A module of some symbols, for the kernels that the kernel test builds. */
#include <linux/module.h>
#include <linux/slab.h>

/* The kernel test adds it to the kernel, in assembly, so its CRC is 0. */
void no_prototype(void);

static char *text;

static int __init start(void)
{
	no_prototype();
	text = kstrdup("sample", GFP_KERNEL);
	return text ? 0 : -ENOMEM;
}

static void __exit stop(void)
{
	pr_info("%s ends\n", text);
	kfree(text);
}

module_init(start);
module_exit(stop);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("sample");
