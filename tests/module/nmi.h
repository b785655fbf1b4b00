/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * NMIs that one CPU sends another one, where the architecture lets a module have some:
 * of those that karena is tested on, x86.
 */
#ifndef KARENA_PRODUCE_NMI_H
#define KARENA_PRODUCE_NMI_H

#include <linux/types.h>

#ifdef CONFIG_X86

/**
 * nmi_begin() - handle NMIs
 * @handler:	called for each, on the CPU that it came to; from now on there are no
 *		others, and of two one may come
 *
 * Return: 0 or a negative errno.
 */
int nmi_begin(void (*handler)(void));

/**
 * nmi_end() - handle NMIs no more
 *
 * All that were sent must have come.
 */
void nmi_end(void);

/**
 * nmi_send() - send an online CPU an NMI
 * @cpu:	number of the CPU
 */
void nmi_send(int cpu);

#else

static inline int nmi_begin(void (*handler)(void))
{
	return 0;
}

static inline void nmi_end(void)
{
}

static inline void nmi_send(int cpu)
{
}

#endif

#endif /* KARENA_PRODUCE_NMI_H */
