/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between kernels from 6.1 on, sorted by the kernel header concerned. The
 * code is written for the newest kernel; each entry says when it can be removed. Kbuild
 * searches the headers for what the preprocessor cannot see (KARENA_HAVE_*). Nothing
 * else in the module depends on the kernel's version.
 */
#ifndef KARENA_COMPAT_H
#define KARENA_COMPAT_H

#include <linux/export.h>
#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/poll.h>
#include <linux/sched/mm.h>

/* <kunit/visibility.h>: in mainline since 6.2, and in stable 6.1. */
#ifdef KARENA_HAVE_KUNIT_VISIBILITY
#include <kunit/visibility.h>
#else
#define VISIBLE_IF_KUNIT static
#define EXPORT_SYMBOL_IF_KUNIT(symbol)
#endif

/* <kunit/test.h>, if a suite includes it: since 6.6. */
#if defined(KUNIT_CASE) && !defined(KUNIT_CASE_SLOW)
#define KUNIT_CASE_SLOW(name) KUNIT_CASE(name)
#endif

/* <linux/compiler_attributes.h>: since 6.9, and in some stable kernels before. */
#ifndef __uninitialized
#define __uninitialized
#endif

/* <linux/export.h>: a namespace is a string since 6.13, an identifier before. */
#ifdef KARENA_HAVE_STRING_NAMESPACE
#define KARENA_NS "KARENA"
#else
#define KARENA_NS KARENA
#endif

/* <linux/fs.h>: ->setattr gets an idmap since 6.3, a user namespace before. */
#ifdef KARENA_HAVE_SETATTR_IDMAP
#define karena_mnt_idmap mnt_idmap
#else
#define karena_mnt_idmap user_namespace
#endif

/*
 * arch/Kconfig: an NMI may come in the middle of what this_cpu operations do, but not of
 * those of architectures that say so, since 6.2. x86 was always one of them.
 */
#define KARENA_NMI_SAFE_THIS_CPU_OPS \
	(IS_ENABLED(CONFIG_X86) || IS_ENABLED(CONFIG_ARCH_HAS_NMI_SAFE_THIS_CPU_OPS))

/*
 * <linux/io_uring.h>: what io_uring has, for QUERY and for the entry point. A command that
 * waits must be cancelable, which is possible since 6.7; it may complete more than once since
 * 6.18; any file's memory can be registered as a buffer since 6.5, and before only that of
 * shmem and hugetlb.
 */
#define KARENA_URING_PARKS		__is_defined(KARENA_HAVE_URING_CANCEL)
#define KARENA_URING_HAS_MULTISHOT	__is_defined(KARENA_HAVE_URING_MULTISHOT)
#define KARENA_URING_BUFFERS		__is_defined(KARENA_HAVE_URING_BUFFERS)

/* <linux/mm.h>: vm_flags is written through functions since 6.3. */
static inline void karena_vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
#ifdef KARENA_HAVE_VM_FLAGS_SET
	vm_flags_set(vma, flags);
#else
	vma->vm_flags |= flags;
#endif
}

static inline void karena_vm_flags_clear(struct vm_area_struct *vma, vm_flags_t flags)
{
#ifdef KARENA_HAVE_VM_FLAGS_SET
	vm_flags_clear(vma, flags);
#else
	vma->vm_flags &= ~flags;
#endif
}

/*
 * <linux/mm.h>: number of page table entries of a page of order 0. page_mapcount() was
 * removed in 6.16, and folio_mapcount() is not exported everywhere.
 */
static inline int karena_mapcount(const struct page *page)
{
	return atomic_read(&page->_mapcount) + 1;
}

/* <linux/gfp.h>: has a different name since 6.14. */
#ifndef alloc_pages_bulk_node
#define alloc_pages_bulk_node alloc_pages_bulk_array_node
#endif

/* <linux/hrtimer.h>: the function is set together with the rest since 6.13. */
static inline void karena_hrtimer_setup(struct hrtimer *timer,
					enum hrtimer_restart (*function)(struct hrtimer *),
					clockid_t clock, enum hrtimer_mode mode)
{
#ifdef KARENA_HAVE_HRTIMER_SETUP
	hrtimer_setup(timer, function, clock, mode);
#else
	hrtimer_init(timer, clock, mode);
	timer->function = function;
#endif
}

/* <linux/poll.h>: in 6.12, no longer in 7.2. */
#ifndef KARENA_HAVE_POLL_DOES_NOT_WAIT
static inline bool poll_does_not_wait(const struct poll_table_struct *table)
{
	return !table || !table->_qproc;
}
#endif

/*
 * <linux/sched/mm.h>: a member of the mm before 6.10, then a function of the mm, and
 * since 7.0 a function of the current mm.
 */
static inline unsigned long karena_get_unmapped_area(struct file *file, unsigned long addr,
						     unsigned long len, unsigned long pgoff,
						     unsigned long flags)
{
#if defined(KARENA_HAVE_CURRENT_GET_UNMAPPED_AREA)
	return mm_get_unmapped_area(file, addr, len, pgoff, flags);
#elif defined(KARENA_HAVE_MM_GET_UNMAPPED_AREA)
	return mm_get_unmapped_area(current->mm, file, addr, len, pgoff, flags);
#else
	return current->mm->get_unmapped_area(file, addr, len, pgoff, flags);
#endif
}

#endif /* KARENA_COMPAT_H */
