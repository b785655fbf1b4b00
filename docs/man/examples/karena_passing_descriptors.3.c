// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/* A process hands an arena to another one, which can read it and nothing else. */
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <karena.h>

static int check(int ret)
{
	if (ret < 0)
		errx(1, "%s", karena_errormsg());
	return ret;
}

static void read_arena(int socket)
{
	struct karena_view_opts opts = KARENA_VIEW_OPTS_INIT;
	struct karena_arena *arena;
	struct karena_view view;
	uint64_t offset;

	check(karena_arena_from_fd(check(karena_recv_fd(socket)), &arena));
	if (read(socket, &offset, sizeof(offset)) != sizeof(offset))
		err(1, "read");
	opts.prot = PROT_READ;
	check(karena_arena_map(arena, &opts, &view));
	puts(karena_view_ptr(&view, offset, 16));
	if (karena_arena_alloc(arena, 1, NULL, &offset) < 0)
		puts(karena_errormsg());
}

int main(void)
{
	struct karena_arena *arena, *reader;
	struct karena_device *device;
	struct karena_view view;
	uint64_t offset;
	int sockets[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets))
		err(1, "socketpair");
	if (!fork()) {
		read_arena(sockets[1]);
		return 0;
	}
	check(karena_open(NULL, &device));
	check(karena_arena_create(device, 1 << 30, NULL, &arena));
	check(karena_arena_map(arena, NULL, &view));
	check(karena_arena_alloc(arena, 1, NULL, &offset));
	strcpy(karena_view_ptr(&view, offset, 16), "shared");

	check(karena_arena_reopen(arena, KARENA_RIGHT_MAP, &reader));
	check(karena_send_fd(sockets[0], karena_arena_fd(reader)));
	karena_arena_close(reader);
	if (write(sockets[0], &offset, sizeof(offset)) != sizeof(offset))
		err(1, "write");
	wait(NULL);
	return 0;
}
