// SPDX-License-Identifier: MIT
/*
 * collect SOCKET PRODUCERS: a collector hands a ring to PRODUCERS processes that connect
 * to SOCKET, adds up what they send, and ends when the last of them has.
 *
 * collect SOCKET FIRST LAST: such a process, which sends the numbers from FIRST to LAST.
 *
 * The processes need not be related. Producers get an open file of their own, so that the
 * collector can give up the right to produce, without which the ring would never end.
 */
#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <karena.h>

static int check(int ret)
{
	if (ret < 0)
		errx(1, "%s", karena_errormsg());
	return ret;
}

static int socket_at(const char *path, struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	if (fd < 0 || strlen(path) >= sizeof(address->sun_path))
		errx(1, "%s: no socket", path);
	strcpy(address->sun_path, path);
	return fd;
}

/* Gives the ring to each of the processes that connect. */
static void let_in(const char *path, struct karena_ring *producers, int nr)
{
	struct sockaddr_un address;
	int listener = socket_at(path, &address);

	if (bind(listener, (void *)&address, sizeof(address)) || listen(listener, nr))
		err(1, "%s", path);
	while (nr--) {
		int peer = accept(listener, NULL, NULL);

		if (peer < 0)
			err(1, "accept");
		check(karena_send_fd(peer, karena_ring_fd(producers)));
		close(peer);
	}
	close(listener);
	unlink(path);
}

static int add(void *context, const void *data, size_t length)
{
	uint64_t *sum = context, number;

	if (length != sizeof(number))
		return -EBADMSG;
	memcpy(&number, data, sizeof(number));
	*sum += number;
	return 0;
}

/* Until the end of the ring: nobody is left that could send, and all was taken. */
static uint64_t add_all(struct karena_ring *ring)
{
	struct pollfd pollfd = { .fd = karena_ring_fd(ring), .events = POLLIN };
	uint64_t sum = 0;
	int taken;

	do {
		if (poll(&pollfd, 1, -1) < 0)
			err(1, "poll");
		taken = check(karena_ring_consume(ring, add, &sum, 0));
	} while (taken || !(pollfd.revents & POLLHUP));
	return sum;
}

static void collect(const char *path, int nr)
{
	struct karena_ring_opts opts = { .size = sizeof(opts), .flags = KARENA_RING_F_END };
	struct karena_ring *ring, *producers;
	struct karena_device *device;

	check(karena_open(NULL, &device));
	check(karena_ring_create(device, 65536, &opts, &ring));
	check(karena_ring_reopen(ring, KARENA_RIGHT_PRODUCE, &producers));
	check(karena_ring_restrict(ring, KARENA_RIGHT_MAP | KARENA_RIGHT_CONSUME));
	let_in(path, producers, nr);
	/* From here on only the others can produce. */
	karena_ring_close(producers);
	printf("%llu\n", (unsigned long long)add_all(ring));
	karena_ring_close(ring);
	karena_close(device);
}

static void produce(const char *path, uint64_t first, uint64_t last)
{
	struct sockaddr_un address;
	int peer = socket_at(path, &address);
	struct karena_ring *ring;

	while (connect(peer, (void *)&address, sizeof(address)))
		usleep(1000);
	check(karena_ring_from_fd(check(karena_recv_fd(peer)), &ring));
	for (; first <= last; first++)
		check(karena_ring_output_wait(ring, &first, sizeof(first), 0, 0));
	karena_ring_close(ring);
	close(peer);
}

int main(int argc, char **argv)
{
	if (argc == 3)
		collect(argv[1], atoi(argv[2]));
	else if (argc == 4)
		produce(argv[1], strtoull(argv[2], NULL, 0), strtoull(argv[3], NULL, 0));
	else
		errx(1, "usage: collect SOCKET PRODUCERS | collect SOCKET FIRST LAST");
	return 0;
}
