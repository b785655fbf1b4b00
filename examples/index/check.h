/* SPDX-License-Identifier: MIT */
/*
 * Compares the job's results with what other programs make of the same tree.
 */
#ifndef CHECK_H
#define CHECK_H

#include "job.h"

#define SUM_LENGTH	64

/**
 * struct reference - results of grep, find and sort for the tree
 * @index:	SHA-256 of the lines "path:identifier"
 * @files:	SHA-256 of the list of files
 * @dir:	absolute path of the directory of these, and of "lookup", the files that
 *		contain the identifier to look up; results are written there, too
 */
struct reference {
	char index[SUM_LENGTH + 1];
	char files[SUM_LENGTH + 1];
	char dir[PATH_MAX];
};

/* All of these end the program if they find an error. */
void read_reference(struct reference *reference, const char *dir);
void check_done(const struct job *job, const struct done *done,
		const struct reference *reference);

#endif /* CHECK_H */
