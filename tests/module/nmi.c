// SPDX-License-Identifier: GPL-2.0-only
/*
 * NMIs of x86.
 */
#include <linux/cpumask.h>
#include <linux/nmi.h>
#include <asm/apic.h>
#include <asm/irq_vectors.h>
#include <asm/nmi.h>

#include "nmi.h"

static void (*handle)(void);

static int handle_nmi(unsigned int type, struct pt_regs *regs)
{
	handle();
	return NMI_HANDLED;
}

int nmi_begin(void (*handler)(void))
{
	handle = handler;
	return register_nmi_handler(NMI_LOCAL, handle_nmi, 0, "karena_produce");
}

void nmi_end(void)
{
	unregister_nmi_handler(NMI_LOCAL, "karena_produce");
}

void nmi_send(int cpu)
{
	apic->send_IPI_mask(cpumask_of(cpu), NMI_VECTOR);
}
