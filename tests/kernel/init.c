/* What init does, for kernels whose machine may have no busybox, and for one module at a time. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/klog.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { READ_CLEAR = 4 }; /* syslog(2) */

int main(void)
{
	static char name[64], module[64], path[96], log[1 << 16];
	FILE *plan = fopen("/plan", "r");

	mknod("/kmsg", S_IFCHR | 0600, makedev(1, 11));
	int kmsg = open("/kmsg", O_WRONLY);
	while (plan && fscanf(plan, "%63s %63s", name, module) == 2) {
		syscall(SYS_delete_module, module, 0);
		klogctl(READ_CLEAR, log, sizeof log);
		snprintf(path, sizeof path, "/modules/%s.ko", name);
		int refused = syscall(SYS_finit_module, open(path, O_RDONLY), "", 0);
		write(kmsg, "\n", 1); /* A message without a newline waits for the next one. */
		int size = klogctl(READ_CLEAR, log, sizeof log);
		printf("\n== %s %s\n%.*s", name, refused ? "refused" : "loaded", size, log);
	}
	puts("== end");
	return reboot(RB_AUTOBOOT); /* Not every machine has a power switch; QEMU ends here, too. */
}
