// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/*
 * The device, and system calls that both kinds of object use.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

struct karena_device {
	int fd;
};

int karena_ioctl(int fd, unsigned long nr, void *args)
{
	int ret = ioctl(fd, nr, args);

	return ret < 0 ? -errno : ret;
}

/*
 * Converts options of any version to the current one. Fields that the caller does not
 * know become zero; fields that this library does not know must be zero. @first_bytes is
 * the offset of the first field that was appended after the first version.
 */
int karena_opts_copy(void *to, size_t to_bytes, size_t first_bytes, const void *opts)
{
	const unsigned char *bytes = opts;
	size_t size;

	memset(to, 0, to_bytes);
	if (!opts)
		return 0;
	memcpy(&size, opts, sizeof(size));
	if (size < first_bytes)
		return -EINVAL;
	for (size_t i = to_bytes; i < size; i++)
		if (bytes[i])
			return -E2BIG;
	memcpy(to, opts, size < to_bytes ? size : to_bytes);
	return 0;
}

int karena_copy_name(char to[KARENA_NAME_LEN], const char *name)
{
	if (!name)
		return 0;
	if (strlen(name) >= KARENA_NAME_LEN)
		return -ENAMETOOLONG;
	strcpy(to, name);
	return 0;
}

int karena_reopen(int fd, uint32_t rights)
{
	struct karena_rights args = { .size = sizeof(args), .rights = rights };

	return karena_ioctl(fd, KARENA_IOC_REOPEN, &args);
}

int karena_restrict(int fd, uint32_t rights)
{
	struct karena_rights args = { .size = sizeof(args), .rights = rights };

	return karena_ioctl(fd, KARENA_IOC_RESTRICT, &args);
}

size_t karena_page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/*
 * Maps at *@address, where nothing may be mapped, or anywhere if that is NULL. Sizes come
 * from the kernel and may exceed this process's address space.
 */
int karena_mmap(int fd, uint64_t offset, uint64_t length, int prot, void **address)
{
	int flags = MAP_SHARED | (*address ? MAP_FIXED_NOREPLACE : 0);
	size_t bytes = (size_t)length;
	void *at;

	if (bytes != length)
		return -EOVERFLOW;
	at = mmap(*address, bytes, prot, flags, fd, (off_t)offset);
	if (at == MAP_FAILED)
		return -errno;
	*address = at;
	return 0;
}

int karena_open(const char *path, struct karena_device **device)
{
	struct karena_query query = { .size = sizeof(query) };
	struct karena_device *opened;
	int ret;

	opened = malloc(sizeof(*opened));
	if (!opened)
		return -ENOMEM;
	opened->fd = open(path ? path : KARENA_DEVICE, O_RDWR | O_CLOEXEC);
	if (opened->fd < 0) {
		ret = -errno;
		goto err_free;
	}
	ret = karena_query(opened, &query);
	if (ret < 0)
		goto err_close;
	*device = opened;
	return 0;

err_close:
	close(opened->fd);
err_free:
	free(opened);
	return ret;
}

void karena_close(struct karena_device *device)
{
	if (!device)
		return;
	close(device->fd);
	free(device);
}

int karena_device_fd(const struct karena_device *device)
{
	return device->fd;
}

int karena_query(const struct karena_device *device, struct karena_query *query)
{
	return karena_ioctl(device->fd, KARENA_IOC_QUERY, query);
}
