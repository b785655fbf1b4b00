// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/*
 * Sources of maps: examines files as far as mapping them is concerned.
 */
#include "vmr.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <linux/magic.h>

/*
 * Finds out which kind of object of ours an fd is. Must not be used on other files: the
 * number could mean anything to other drivers.
 */
static int look_at_object(struct karena_vmr_source *known)
{
	struct karena_arena_stat stat = { .size = sizeof(stat) };
	int ret = karena_call(known->fd, KARENA_IOC_ARENA_STAT, &stat);

	if (ret < 0 && ret != -ENOTTY)
		return karena_refuse_as(ret, "vmr_source", NULL);
	/* To map it as a test could set its address for good. */
	if (!ret && (stat.out_flags & KARENA_ARENA_F_FIXED_ADDR))
		return karena_refuse_as(KARENA_E_NOT_SUPPORTED, "vmr_source",
					"an arena with KARENA_ARENA_F_FIXED_ADDR has its own address");
	known->traits |= VMR_MOVES | (ret ? VMR_RING : VMR_ARENA);
	return 0;
}

/*
 * Only shmem and hugetlbfs have seals. A file made without sealing has just the seal
 * that forbids further seals.
 */
static bool seals_are_final(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & F_SEAL_SEAL) &&
	       !(seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE));
}

static int look_at_file(struct karena_vmr_source *known)
{
	struct statfs fs;
	struct stat st;
	uint32_t type;

	if (fstat(known->fd, &st) || fstatfs(known->fd, &fs))
		return karena_refuse_as(-errno, "vmr_source", NULL);

	type = (uint32_t)fs.f_type;
	if (type == KARENA_FS_MAGIC)
		return look_at_object(known);
	if (type == HUGETLBFS_MAGIC)
		known->granularity = (size_t)fs.f_bsize;
	else if (type == TMPFS_MAGIC && seals_are_final(known->fd))
		known->traits |= VMR_STEADY;

	if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))
		known->traits |= VMR_MOVES;
	return 0;
}

static int check_flags(const struct karena_vmr_source *source)
{
	uint32_t all = KARENA_VMR_PRIVATE | KARENA_VMR_SYNC;
	uint32_t allowed = source->fd == -1 ? KARENA_VMR_PRIVATE : all;

	if (source->flags & ~allowed || source->flags == all)
		return karena_refuse(-EINVAL,
				     "vmr_source: flags 0x%x: must be 0, KARENA_VMR_PRIVATE or, for a file, KARENA_VMR_SYNC",
				     source->flags);
	if (source->prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC))
		return karena_refuse(-EINVAL,
				     "vmr_source: prot 0x%x: must be of PROT_READ, PROT_WRITE and PROT_EXEC",
				     (unsigned int)source->prot);
	if (source->fd == -1 && source->offset)
		return karena_refuse(-EINVAL,
				     "vmr_source: offset %llu: must be 0 for anonymous memory",
				     (unsigned long long)source->offset);
	return 0;
}

/**
 * vmr_source_look() - check a source and examine its file
 * @known:	out, with traits and granularity
 * @source:	from the caller
 *
 * Return: 0; errors of struct karena_vmr_source and karena_vmr_source_fd().
 */
int vmr_source_look(struct karena_vmr_source *known, const struct karena_vmr_source *source)
{
	int ret = karena_opts_copy(known, sizeof(*known), sizeof(*known), source,
				   "karena_vmr_source");

	if (ret)
		return ret;
	ret = check_flags(known);
	if (ret)
		return ret;
	if (known->traits & VMR_KNOWN)
		return 0;

	known->granularity = karena_page_size();
	known->traits = VMR_KNOWN;
	if (known->fd != -1)
		return look_at_file(known);
	known->traits |= VMR_MOVES;
	return 0;
}

/**
 * vmr_source_rest() - measure a source from its offset to its end
 * @known:	from vmr_source_look()
 * @length:	out, rounded up to the source's granularity
 *
 * Return: 0; KARENA_E_LENGTH_UNALIGNED for what has no size; -EINVAL if nothing is left.
 */
int vmr_source_rest(const struct karena_vmr_source *known, size_t *length)
{
	uint64_t size, rest;
	struct stat st;

	/* An arena or a ring is of no file type. */
	if (known->fd < 0 || fstat(known->fd, &st) ||
	    !(S_ISREG(st.st_mode) || known->traits & (VMR_ARENA | VMR_RING)))
		return karena_refuse_as(KARENA_E_LENGTH_UNALIGNED, "vmr_map",
					"length 0: the source has no size of its own");
	size = (uint64_t)st.st_size;
	if (known->offset >= size)
		return karena_refuse(-EINVAL,
				     "vmr_map: source offset %llu: the source ends at %llu",
				     (unsigned long long)known->offset, (unsigned long long)size);
	rest = size - known->offset + known->granularity - 1;
	rest -= rest % known->granularity;
	*length = (size_t)rest;
	return *length == rest ? 0 : karena_refuse_as(KARENA_E_OUT_OF_RANGE, "vmr_map", NULL);
}

/* @kind: the object that the source must be, if not 0. */
static int make_source(struct karena_vmr_source *source, const struct karena_vmr_source *given,
		       uint32_t kind)
{
	struct karena_vmr_source known;
	int saved = errno;
	int ret = vmr_source_look(&known, given);

	if (!ret && (known.traits & kind) != kind)
		ret = karena_refuse_as(-ENOTTY, "vmr_source", NULL);
	if (!ret)
		*source = known;
	errno = saved;
	return ret;
}

static int make_file_source(struct karena_vmr_source *source, int fd, uint64_t offset, int prot,
			    uint32_t flags, uint32_t kind)
{
	struct karena_vmr_source given = {
		.size = sizeof(given),
		.fd = fd,
		.prot = prot,
		.offset = offset,
		.flags = flags,
	};

	/* The struct allows -1, for anonymous memory; this call does not. */
	if (fd < 0)
		return karena_refuse_as(-EBADF, "vmr_source", NULL);
	return make_source(source, &given, kind);
}

int karena_vmr_source_fd(struct karena_vmr_source *source, int fd, uint64_t offset, int prot,
			 uint32_t flags)
{
	return make_file_source(source, fd, offset, prot, flags, 0);
}

int karena_vmr_source_arena(struct karena_vmr_source *source, int fd, uint64_t offset, int prot)
{
	return make_file_source(source, fd, offset, prot, 0, VMR_ARENA);
}

int karena_vmr_source_ring(struct karena_vmr_source *source, int fd, uint64_t offset, int prot)
{
	return make_file_source(source, fd, offset, prot, 0, VMR_RING);
}

int karena_vmr_source_anon(struct karena_vmr_source *source, int prot, uint32_t flags)
{
	struct karena_vmr_source given = {
		.size = sizeof(given),
		.fd = -1,
		.prot = prot,
		.flags = flags,
	};

	return make_source(source, &given, 0);
}
