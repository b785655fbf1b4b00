// SPDX-License-Identifier: MIT
/*
 * Several producers write to one ring buffer of libqb, which it has no lock for by itself;
 * some of them die while they fill a chunk. All chunks that were committed come out.
 */
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <qb/qbrb.h>

#define PRODUCERS	4
#define CHUNKS		2000

static void produce(qb_ringbuffer_t *ring, int number)
{
	int *chunk;

	for (int i = 0; i < CHUNKS; i++) {
		while (!(chunk = qb_rb_chunk_alloc(ring, 2 * sizeof(*chunk))))
			usleep(100);
		/* Each second one, once it has written half of its chunks. */
		if (number % 2 && i == CHUNKS / 2)
			raise(SIGKILL);
		chunk[0] = number;
		chunk[1] = i;
		qb_rb_chunk_commit(ring, 2 * sizeof(*chunk));
	}
	_exit(0);
}

int main(void)
{
	qb_ringbuffer_t *ring = qb_rb_open("death", 65536, QB_RB_FLAG_CREATE, 0);
	int next[PRODUCERS] = { 0 }, chunk[2], total = 0, living = PRODUCERS;

	if (!ring)
		err(1, "qb_rb_open");
	for (int i = 0; i < PRODUCERS; i++)
		if (!fork())
			produce(ring, i);
	while (total < PRODUCERS / 2 * (CHUNKS + CHUNKS / 2)) {
		ssize_t length = qb_rb_chunk_read(ring, chunk, sizeof(chunk), 1000);

		if (length == -ETIMEDOUT)
			errx(1, "nothing after %d chunks", total);
		if (length != sizeof(chunk) || chunk[1] != next[chunk[0]]++)
			errx(1, "a chunk is lost or wrong");
		total++;
	}
	while (living--)
		wait(NULL);
	if (qb_rb_chunk_read(ring, chunk, sizeof(chunk), 0) != -ETIMEDOUT)
		errx(1, "a chunk too many");
	qb_rb_close(ring);
	printf("%d chunks\n", total);
	return 0;
}
