// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/*
 * The device, and system calls that both kinds of object use.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

struct karena_device {
	int fd;
};

/* Sets no message. */
int karena_call(int fd, unsigned long nr, void *args)
{
	int ret = ioctl(fd, nr, args);

	return ret < 0 ? -errno : ret;
}

int karena_ioctl(int fd, unsigned long nr, void *args)
{
	int ret = karena_call(fd, nr, args);

	return ret < 0 ? karena_explain(fd, (uint32_t)nr, args, ret) : ret;
}

/*
 * Converts options of any version to the current one. Fields that the caller does not
 * know become zero; fields that this library does not know must be zero. @first_bytes is
 * the offset of the first field that was appended after the first version; @type names
 * the struct in messages.
 */
int karena_opts_copy(void *to, size_t to_bytes, size_t first_bytes, const void *opts,
		     const char *type)
{
	const unsigned char *bytes = opts;
	size_t size;

	memset(to, 0, to_bytes);
	if (!opts)
		return 0;
	memcpy(&size, opts, sizeof(size));
	if (size < first_bytes)
		return karena_refuse(-EINVAL, "%s: size %zu: must be sizeof() of the struct, %zu",
				     type, size, to_bytes);
	for (size_t i = to_bytes; i < size; i++)
		if (bytes[i])
			return karena_refuse(-E2BIG,
					     "%s: byte %zu is not 0, but the library knows only %zu: the program is newer",
					     type, i, to_bytes);
	memcpy(to, opts, size < to_bytes ? size : to_bytes);
	return 0;
}

int karena_copy_name(const char *call, char to[KARENA_NAME_LEN], const char *name)
{
	if (!name)
		return 0;
	if (strlen(name) >= KARENA_NAME_LEN)
		return karena_refuse(-ENAMETOOLONG,
				     "%s: name \"%s\": must be at most %d characters",
				     call, name, KARENA_NAME_LEN - 1);
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

/* The kernel lists the device even if /dev does not have it. */
static bool module_is_loaded(void)
{
	FILE *file = fopen("/proc/misc", "re");
	char line[128], name[64];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, "%*d %63s", name) == 1 && !strcmp(name, "karena");
	if (file)
		fclose(file);
	return found;
}

static int explain_open(const char *path, int error)
{
	const char *why = karena_strerror(error);

	if (error == -EACCES)
		why = "not allowed to open it: be root, or of its group";
	else if (error == -ENOTTY)
		why = "is not the device of karena";
	else if (!module_is_loaded())
		why = "the module karena is not loaded: load it with 'modprobe karena'";
	else if (error == -ENOENT)
		why =
"the module is loaded, but there is no such device here";
	return karena_refuse(error, "%s: %s", path, why);
}

int karena_open(const char *path, struct karena_device **device)
{
	struct karena_query query = { .size = sizeof(query) };
	struct karena_device *opened;
	int ret;

	opened = malloc(sizeof(*opened));
	if (!opened)
		return karena_refuse_as(-ENOMEM, "open", NULL);
	if (!path)
		path = KARENA_DEVICE;
	opened->fd = open(path, O_RDWR | O_CLOEXEC);
	if (opened->fd < 0) {
		ret = explain_open(path, -errno);
		goto err_free;
	}
	ret = karena_call(opened->fd, KARENA_IOC_QUERY, &query);
	if (ret < 0) {
		explain_open(path, ret);
		goto err_close;
	}
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

int karena_list(const struct karena_device *device, uint64_t after,
		struct karena_list_entry *entries, size_t nr)
{
	struct karena_list args = {
		.size = sizeof(args),
		.buffer = (uintptr_t)entries,
		.buffer_bytes = nr * sizeof(*entries),
		.after = after,
	};
	int ret = karena_ioctl(device->fd, KARENA_IOC_LIST, &args);

	return ret < 0 ? ret : (int)args.out_count;
}
