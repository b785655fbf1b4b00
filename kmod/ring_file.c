// SPDX-License-Identifier: GPL-2.0-only
/*
 * File operations of a ring: read, write, poll, and what may be mapped.
 *
 * Pages are mapped by ->fault, each with a reference. They are those of the
 * ring's whole life, so there is nothing to take away from a mapping, nothing is
 * kept per mapping, and there is no ->close.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/uio.h>

#include "compat.h"
#include "ioctl.h"
#include "objfd.h"
#include "ring.h"
#include "ring_party.h"
#include "ring_wait.h"
#include "uring.h"

static struct karena_ring *file_ring(const struct file *file)
{
	return to_ring(karena_file_handle(file)->object);
}

static bool at_end(struct karena_ring *ring)
{
	struct ring_view view;

	ring_look(ring, &view);
	return view.ended && !ring_view_available(&view);
}

static ssize_t ring_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct file *file = iocb->ki_filp;
	struct karena_ring *ring = file_ring(file);
	ssize_t ret;

	if (!karena_may(karena_file_handle(file), KARENA_RIGHT_CONSUME))
		return -EPERM;
	if (!iov_iter_count(to))
		return 0;
	ret = ring_take_role(ring, file);
	if (ret)
		return ret;

	for (;;) {
		ret = ring_read(ring, to);
		if (ret || at_end(ring))
			return ret;
		if (iocb->ki_flags & IOCB_NOWAIT || file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		ret = ring_wait_record(ring);
		if (ret)
			return ret;
	}
}

static ssize_t ring_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct file *file = iocb->ki_filp;

	if (!karena_may(karena_file_handle(file), KARENA_RIGHT_PRODUCE))
		return -EPERM;
	return ring_output(file_ring(file), from, 0);
}

/* For write() itself, which else would make a request first, as for io_uring. */
static ssize_t ring_write(struct file *file, const char __user *buffer, size_t bytes,
			  loff_t *position)
{
	if (!karena_may(karena_file_handle(file), KARENA_RIGHT_PRODUCE))
		return -EPERM;
	return ring_output_user(file_ring(file), buffer, bytes);
}

static vm_fault_t ring_fault(struct vm_fault *vmf)
{
	struct ring_area *area = &file_ring(vmf->vma->vm_file)->area;

	if (vmf->pgoff >= ring_area_pages(area))
		return VM_FAULT_SIGBUS;
	vmf->page = area->pages[vmf->pgoff];
	get_page(vmf->page);
	return 0;
}

static vm_fault_t ring_copied_fault(struct vm_fault *vmf)
{
	return VM_FAULT_SIGBUS;
}

static const struct vm_operations_struct ring_copied_ops = {
	.fault = ring_copied_fault,
};

/*
 * A part that was split off or moved, or a child's copy. Where madvise(MADV_DOFORK) lets
 * data that is mapped writable into a child, it is of no use there: the child would write
 * into records when the process that may is gone. fork() copies no page table entries of
 * shared mappings, so the child's every access faults.
 */
static void ring_vma_open(struct vm_area_struct *vma)
{
	if (vma->vm_private_data && vma->vm_private_data != vma->vm_mm)
		vma->vm_ops = &ring_copied_ops;
}

static const struct vm_operations_struct ring_vm_ops = {
	.open = ring_vma_open,
	.fault = ring_fault,
};

static bool window_is(struct vm_area_struct *vma, unsigned long first, unsigned long nr)
{
	return vma->vm_pgoff == first && vma_pages(vma) == nr;
}

/*
 * The whole data area, for those who fill records in place. It can be pinned,
 * so that other things may write into a record; hence no VM_IO, see
 * map_consumer_writable(), but the address space that made it, which is compared only.
 */
static int map_data_writable(struct file *file, struct vm_area_struct *vma)
{
	u32 rights = KARENA_RIGHT_MAP_WRITE | KARENA_RIGHT_PRODUCE;

	if (!karena_may(karena_file_handle(file), rights))
		return -EACCES;
	karena_vm_flags_set(vma, VM_DONTCOPY);
	vma->vm_private_data = vma->vm_mm;
	return 0;
}

/*
 * VM_IO: no madvise(MADV_DOFORK) may bring the page into a child, where it would
 * outlive the role.
 */
static int map_consumer_writable(struct file *file, struct vm_area_struct *vma)
{
	int err;

	if (!karena_may(karena_file_handle(file), KARENA_RIGHT_CONSUME))
		return -EACCES;
	err = ring_has_role(file_ring(file), file);
	if (err)
		return err;
	karena_vm_flags_set(vma, VM_DONTCOPY | VM_IO);
	return 0;
}

/* A window that begins where one may write must not run on to where one may not. */
static int map_writable(struct file *file, struct vm_area_struct *vma)
{
	const struct karena_ring *ring = file_ring(file);

	if (window_is(vma, RING_CONSUMER_PAGE, 1))
		return map_consumer_writable(file, vma);
	if (window_is(vma, RING_DATA_PAGE, 2 * ring->area.nr_data) && ring_in_place(ring))
		return map_data_writable(file, vma);
	return -EPERM;
}

static int ring_mmap(struct file *file, struct vm_area_struct *vma)
{
	unsigned long nr_pages = ring_area_pages(&file_ring(file)->area);
	int err;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_pgoff > nr_pages || vma_pages(vma) > nr_pages - vma->vm_pgoff)
		return -EINVAL;
	if (!karena_may(karena_file_handle(file), KARENA_RIGHT_MAP))
		return -EACCES;
	if (vma->vm_flags & VM_WRITE) {
		err = map_writable(file, vma);
		if (err)
			return err;
	} else {
		karena_vm_flags_clear(vma, VM_MAYWRITE);
	}

	karena_vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &ring_vm_ops;
	return 0;
}

const struct file_operations ring_fops = {
	.owner = THIS_MODULE,
	.release = karena_object_release,
	.unlocked_ioctl = karena_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.uring_cmd = karena_file_uring_cmd,
	.read_iter = ring_read_iter,
	.write = ring_write,
	.write_iter = ring_write_iter,
	.poll = ring_poll,
	.mmap = ring_mmap,
	.show_fdinfo = karena_object_show_fdinfo,
};
