/* SPDX-License-Identifier: MIT */
/*
 * Files and the identifiers in them: what matches [A-Za-z_][A-Za-z0-9_]*, as
 * grep -o finds it.
 */
#ifndef SCAN_H
#define SCAN_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct scanner - a buffer that is used for one file after the other
 * @buffer:	the file as it is
 * @room:	size of @buffer
 */
struct scanner {
	unsigned char *buffer;
	size_t room;
};

/* Returns below 0 to stop. @hash is by index_hash(). */
typedef int (*scan_fn)(void *context, const char *name, unsigned int length, uint32_t hash);

/* Returns the file's size, or -errno, or what @fn returned below 0. */
int64_t scan_file(struct scanner *scanner, const char *path, scan_fn fn, void *context);
void scan_end(struct scanner *scanner);

/* All regular files below @dir, in the order of strcmp(). -ENAMETOOLONG: PATH_MAX. */
int scan_tree(const char *dir, char ***paths, unsigned int *nr_paths);

#endif /* SCAN_H */
