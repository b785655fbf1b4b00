/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A descriptor that goes through a socket.
 */
#ifndef KARENA_TESTS_PASS_FD_H
#define KARENA_TESTS_PASS_FD_H

void send_fd(int socket, int fd);

int receive_fd(int socket);

#endif /* KARENA_TESTS_PASS_FD_H */
