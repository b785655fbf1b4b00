/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /dev/karena.
 */
#ifndef KARENA_DEV_H
#define KARENA_DEV_H

int karena_dev_init(void);
void karena_dev_exit(void);

#endif /* KARENA_DEV_H */
