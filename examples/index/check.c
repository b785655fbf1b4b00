// SPDX-License-Identifier: MIT
/*
 * Compares checksums of the index and of the list of files with the reference.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

#define SUM		"sum"

static void read_sum(const struct reference *reference, const char *name,
		     char sum[SUM_LENGTH + 1])
{
	char path[PATH_MAX + 16];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", reference->dir, name);
	file = fopen(path, "re");
	if (!file || fread(sum, 1, SUM_LENGTH, file) != SUM_LENGTH)
		die(path, file ? -EIO : -errno);
	sum[SUM_LENGTH] = '\0';
	for (int i = 0; i < SUM_LENGTH; i++)
		if (!isxdigit((unsigned char)sum[i]))
			die(path, -EBADMSG);
	fclose(file);
}

void read_reference(struct reference *reference, const char *dir)
{
	if (!realpath(dir, reference->dir))
		die(dir, -errno);
	read_sum(reference, "index.sha256", reference->index);
	read_sum(reference, "files.sha256", reference->files);
}

static void expect(const char *what, const char *sum, const char *expected)
{
	if (!strcmp(sum, expected))
		return;
	fflush(stdout);
	fprintf(stderr, "%s: SHA-256 is %s, should be %s\n", what, sum, expected);
	die(what, 0);
}

static void sum_index(const struct index *index, const struct reference *reference,
		      char sum[SUM_LENGTH + 1])
{
	char command[PATH_MAX + 32];
	FILE *pipe;
	int ret;

	snprintf(command, sizeof(command), "sha256sum >'%s/" SUM "'", reference->dir);
	pipe = popen(command, "we");
	if (!pipe)
		die("sha256sum", -errno);
	ret = index_dump(index, pipe);
	if (pclose(pipe) || ret < 0)
		die("sha256sum", ret);
	read_sum(reference, SUM, sum);
}

static void sum_list(const char *list, const struct reference *reference,
		     char sum[SUM_LENGTH + 1])
{
	char command[2 * PATH_MAX + 64];

	snprintf(command, sizeof(command), "LC_ALL=C sort '%s' | sha256sum >'%s/" SUM "'", list,
		 reference->dir);
	if (system(command))
		die(command, 0);
	read_sum(reference, SUM, sum);
}

/* Checks that the record of every file came exactly once, in whichever way. */
void check_done(const struct job *job, const struct done *done,
		const struct reference *reference)
{
	char sum[SUM_LENGTH + 1];

	if (done->files != job->nr_paths)
		die("files without a record", 0);
	sum_list(job->list, reference, sum);
	expect("list of files", sum, reference->files);
	sum_index(&done->index, reference, sum);
	expect("index", sum, reference->index);
}
