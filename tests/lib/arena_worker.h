/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The processes of arena_model.c: each with windows of its own on the arena, where
 * it does what it is asked to and reports what came of it.
 */
#ifndef ARENA_WORKER_H
#define ARENA_WORKER_H

#include "arena_util.h"

#define PAGES		128
#define WORKERS		4
#define WINDOWS		4

struct model_page {
	uint32_t state;
	bool populated;		/* surely; a batch may have populated others */
	uint64_t magic;		/* 0: zeroes */
};

/* Pages of the arena that a process has mapped. */
struct window {
	int first;
	int nr;
	char *map;
};

/* What a worker is asked to do, and what came of it. */
struct request {
	enum { READ, WRITE, SEND, ZAP, REMAP, MOVE, REMOVE, STOP } what;
	int window;
	int page;		/* of the arena */
	int nr;
	uint64_t magic;
	struct touch touch;
	bool as_expected;	/* READ: the page is all @magic */
	int err;
};

/*
 * The first is the parent itself. The last is alone on the other CPU, where to
 * wake it costs more than any operation here. A byte in a pipe says that @request,
 * in memory that both share, is there, and another one that it is done.
 */
struct worker {
	pid_t pid;		/* 0: the parent */
	struct request *request;
	int go;
	int done;
	struct window windows[WINDOWS];
};

struct model {
	int fd;
	bool segv_on_fault;
	bool single;
	uint64_t last_magic;
	struct model_page page[PAGES];
	struct worker worker[WORKERS];
	char step[160];	/* of the step under way */
};

/* Whether a page has just the bytes of @magic. */
bool filled(const char *where, uint64_t magic);

static inline char *address_of(const struct window *w, int page)
{
	return w->map + (page - w->first) * page_size;
}

void remap(int fd, struct window *w, int first, int nr);

/*
 * A worker has its windows from the fork on: INHERIT. Nobody else has the end by
 * which it tells that it is done, so that its death is seen there.
 */
void start_worker(struct model *m, struct worker *worker);

void stop_worker(struct worker *worker);

void ask(struct model *m, struct worker *worker, struct request *r);

#endif /* ARENA_WORKER_H */
