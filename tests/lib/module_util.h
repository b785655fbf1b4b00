/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Loading and unloading a module, as root does it without modprobe. Calls return 0 or
 * an error number.
 */
#ifndef MODULE_UTIL_H
#define MODULE_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline int module_open(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/lib/modules/%s.ko", name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static inline int module_load(const char *name, const char *parameters)
{
	int fd = module_open(name);
	int err;

	if (fd < 0)
		return errno;
	err = syscall(SYS_finit_module, fd, parameters, 0) ? errno : 0;
	close(fd);
	return err;
}

static inline int module_unload(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? errno : 0;
}

#endif /* MODULE_UTIL_H */
