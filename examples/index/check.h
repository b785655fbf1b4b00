/* SPDX-License-Identifier: MIT */
/*
 * What the job came to, beside what other programs make of the same tree.
 */
#ifndef CHECK_H
#define CHECK_H

#include "job.h"

#define SUM_LENGTH	64

/**
 * struct reference - what grep, find and sort made of the tree
 * @index:	SHA-256 of the lines "path:identifier"
 * @files:	SHA-256 of the list of files
 * @dir:	where these are, and "lookup", the files that have the name that is looked up
 */
struct reference {
	char index[SUM_LENGTH + 1];
	char files[SUM_LENGTH + 1];
	const char *dir;
};

/* All of these end the program if something is not as it should be. */
void read_reference(struct reference *reference, const char *dir);
void check_done(const struct job *job, const struct done *done,
		const struct reference *reference);

#endif /* CHECK_H */
