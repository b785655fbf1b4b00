// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "arena_worker.h"

/* Bytes */

static uint64_t word_of(uint64_t magic, size_t i)
{
	return magic ? magic * 0x9e3779b97f4a7c15ull + i : 0;
}

static void fill(char *where, uint64_t magic)
{
	uint64_t *word = (uint64_t *)where;
	size_t i;

	for (i = 0; i < page_size / sizeof(*word); i++)
		word[i] = word_of(magic, i);
}

bool filled(const char *where, uint64_t magic)
{
	const uint64_t *word = (const uint64_t *)where;
	size_t i;

	for (i = 0; i < page_size / sizeof(*word); i++) {
		if (word[i] != word_of(magic, i))
			return false;
	}
	return true;
}

/* What a worker does */

/*
 * The page as the kernel reads it, by a pipe of the process's own. One that failed to
 * write has an empty buffer in the pipe for good, so that it is not used again.
 */
static int send_page(char *where, uint64_t magic, bool *as_expected)
{
	static char copy[65536];
	static int ends[2];
	static pid_t owner;
	int err;

	if (owner != getpid()) {
		owner = getpid();
		must(pipe(ends) == 0);
	}
	if (write(ends[1], where, page_size) == (ssize_t)page_size) {
		*as_expected = read(ends[0], copy, page_size) == (ssize_t)page_size &&
			       filled(copy, magic);
		return 0;
	}
	err = errno;
	close(ends[0]);
	close(ends[1]);
	owner = 0;
	return err;
}

void remap(int fd, struct window *w, int first, int nr)
{
	if (w->map)
		must(munmap(w->map, w->nr * page_size) == 0);
	w->first = first;
	w->nr = nr;
	w->map = arena_map(fd, RDWR, first, nr);
}

/* To another place, by way of a reservation that keeps it free. */
static void move(struct window *w)
{
	size_t bytes = w->nr * page_size;
	char *there = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(there != MAP_FAILED);
	must(mremap(w->map, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, there) == there);
	w->map = there;
}

static void serve(int fd, struct window *windows, struct request *r)
{
	struct window *w = &windows[r->window];
	char *where = w->map ? address_of(w, r->page) : NULL;

	switch (r->what) {
	case READ:
		r->touch = touch_read(where);
		r->as_expected = !r->touch.sig && filled(where, r->magic);
		break;
	case WRITE:
		r->touch = touch_write(where, 0);
		if (!r->touch.sig)
			fill(where, r->magic);
		break;
	case SEND:
		r->err = send_page(where, r->magic, &r->as_expected);
		break;
	case ZAP:
		r->err = madvise(where, r->nr * page_size, MADV_DONTNEED) ? errno : 0;
		break;
	case REMOVE:
		r->err = madvise(where, r->nr * page_size, MADV_REMOVE) ? errno : 0;
		break;
	case REMAP:
		remap(fd, w, r->page, r->nr);
		break;
	case MOVE:
		move(w);
		break;
	case STOP:
		_exit(0);
	}
	/* So that the model need not know where anything is mapped. */
	if (r->touch.sig && r->touch.address != where)
		r->touch.sig = -r->touch.sig;
}

static void worker_main(int fd, struct request *request, int go, int done, struct window *windows)
{
	char byte;

	while (read(go, &byte, 1) == 1) {
		serve(fd, windows, request);
		must(write(done, &byte, 1) == 1);
	}
	_exit(1);
}

void start_worker(struct model *m, struct worker *worker)
{
	int go[2], done[2];

	must(pipe(go) == 0 && pipe(done) == 0);
	worker->pid = fork_child();
	if (!worker->pid) {
		pin_to_cpu(worker == &m->worker[WORKERS - 1]);
		worker_main(m->fd, worker->request, go[0], done[1], worker->windows);
	}
	close(go[0]);
	close(done[1]);
	worker->go = go[1];
	worker->done = done[0];
}

void stop_worker(struct worker *worker)
{
	worker->request->what = STOP;
	must(write(worker->go, "", 1) == 1);
	must(reap(worker->pid) == 0);
	close(worker->go);
	close(worker->done);
}

void ask(struct model *m, struct worker *worker, struct request *r)
{
	char byte;

	if (!worker->pid) {
		serve(m->fd, worker->windows, r);
		return;
	}
	*worker->request = *r;
	must(write(worker->go, "", 1) == 1);
	must(read(worker->done, &byte, 1) == 1);
	*r = *worker->request;
}
