/* SPDX-License-Identifier: MIT */
/*
 * Files and the identifiers in them: matches of [A-Za-z_][A-Za-z0-9_]*, as grep -o
 * finds them.
 */
#ifndef SCAN_H
#define SCAN_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct scanner - a buffer, reused for each file
 * @buffer:	contents of the file
 * @room:	size of @buffer
 */
struct scanner {
	unsigned char *buffer;
	size_t room;
};

/* Returns a negative value to stop. @hash is by index_hash(). */
typedef int (*scan_fn)(void *context, const char *name, unsigned int length, uint32_t hash);

/* Returns the file's size, or -errno, or the negative value that @fn returned. */
int64_t scan_file(struct scanner *scanner, const char *path, scan_fn fn, void *context);
void scan_end(struct scanner *scanner);

/* Lists regular files below @dir, in the order of strcmp(). -ENAMETOOLONG: PATH_MAX. */
int scan_tree(const char *dir, char ***paths, unsigned int *nr_paths);

#endif /* SCAN_H */
