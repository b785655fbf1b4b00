// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "module_util.h"

int module_open(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/lib/modules/%s.ko", name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

int module_load(const char *name, const char *parameters)
{
	int fd = module_open(name);
	int err;

	if (fd < 0)
		return errno;
	err = syscall(SYS_finit_module, fd, parameters, 0) ? errno : 0;
	close(fd);
	return err;
}

int module_unload(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? errno : 0;
}
