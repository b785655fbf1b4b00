// SPDX-License-Identifier: GPL-2.0-only
/*
 * File operations of an arena: mapping and the page fault.
 *
 * How a free excludes faults: a fault inserts page table entries while it holds the
 * arena's lock shared. Removing pages holds the lock exclusively, from before the page
 * leaves the arena until unmap_mapping_range() is done. So either the entry is set
 * before and removed with the others, or the fault no longer finds the page. This is why
 * the fault sets entries itself: the kernel would map a page returned in vmf->page only
 * after the lock was released.
 *
 * There is no state per mapping and no ->close: the kernel alone handles partial
 * unmapping, forks and moves.
 */
#include <linux/fs.h>
#include <linux/falloc.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "account.h"
#include "arena.h"
#include "arena_pages.h"
#include "compat.h"
#include "ioctl.h"
#include "memory.h"
#include "objfd.h"
#include "trace.h"
#include "uring.h"

static struct karena_arena *file_arena(const struct file *file)
{
	return to_arena(karena_file_handle(file)->object);
}

/*
 * Returns the slots of the block of @nr pages around the touched page, as far as the VMA
 * and the extent of allocated pages reach. Blocks divide the page tree's leaf; the last
 * one may overlap the one before.
 */
static unsigned long fault_around(const struct vm_fault *vmf, const struct page_range *range,
				  unsigned int nr)
{
	struct vm_area_struct *vma = vmf->vma;
	unsigned int slot = page_tree_slot(vmf->pgoff);
	unsigned long base = vmf->pgoff - slot;
	unsigned long first = base + min(slot - slot % nr, PAGE_TREE_SLOTS - nr);
	unsigned long last = first + nr - 1;

	first = max3(first, range->first, vma->vm_pgoff);
	last = min3(last, range->last, vma->vm_pgoff + vma_pages(vma) - 1);
	return page_tree_mask(base, first, last);
}

/*
 * Maps the populated pages of the window. Only the touched page has to be mapped in the
 * end, and an entry that is already there is as good as ours. Where there is one there
 * will be more, so skip to the touched page then, unless it was tried already.
 */
static int map_window(const struct vm_fault *vmf, const struct arena_window *window)
{
	unsigned long map = page_tree_filled(window->leaf) & window->map;
	unsigned int slot, touched = page_tree_slot(vmf->pgoff);
	unsigned long address, nr, left;
	int err;

	while (map) {
		slot = __ffs(map);
		address = (vmf->address & PAGE_MASK) + slot * PAGE_SIZE - touched * PAGE_SIZE;
		nr = page_tree_extent(map >> slot);
		left = nr;
		err = vm_insert_pages(vmf->vma, address, &window->leaf->page[slot], &left);
		slot += nr - left;
		if (err == -EBUSY && slot < touched)
			slot = touched;
		else if (err)
			return err == -EBUSY || slot > touched ? 0 : err;
		map &= slot < PAGE_TREE_SLOTS ? ~0ul << slot : 0;
	}
	return 0;
}

static int populate_and_map(struct karena_arena *arena, const struct vm_fault *vmf,
			    const struct page_range *range)
{
	struct arena_window window = { .map = BIT(page_tree_slot(vmf->pgoff)) };
	int nr, err;

	if (arena->fault_pages > 1)
		window.map = fault_around(vmf, range,
					  min_t(u32, arena->fault_pages, PAGE_TREE_SLOTS));
	nr = arena_populate(arena, vmf->pgoff, &window);
	if (nr < 0)
		return nr;
	err = map_window(vmf, &window);
	return err ?: nr;
}

/*
 * Is there an entry that is neither empty nor of a page? Such as the marker by which
 * userfaultfd remembers that an unmapped page is write-protected. No page can be mapped
 * over it.
 */
static bool entry_is_marker(const struct vm_fault *vmf)
{
	return vmf->flags & FAULT_FLAG_ORIG_PTE_VALID && !pte_none(vmf->orig_pte);
}

static bool touch_is_forbidden(const struct karena_arena *arena, u32 state)
{
	return state == KARENA_PAGE_GUARD ||
	       (state != KARENA_PAGE_ALLOCATED && arena->flags & KARENA_ARENA_F_SEGV_ON_FAULT);
}

/*
 * Returns the number of pages populated; -EACCES if the state forbids the touch; -EBUSY if
 * there is a marker; -EAGAIN for allocate_touched(); -ENOMEM, -EDQUOT.
 */
static int touch_as_is(struct karena_arena *arena, const struct vm_fault *vmf)
{
	struct page_range range = ranges_at(&arena->ranges, vmf->pgoff);

	if (touch_is_forbidden(arena, range.state))
		return -EACCES;
	if (entry_is_marker(vmf))
		return -EBUSY;
	if (range.state != KARENA_PAGE_ALLOCATED)
		return -EAGAIN;
	return populate_and_map(arena, vmf, &range);
}

/* Allocates and maps the touched page; restores the state if that fails. */
static int place_and_map(struct karena_arena *arena, const struct vm_fault *vmf, u32 state,
			 struct arena_page_list *list)
{
	struct page *page = list->pages[0];
	unsigned long last = vmf->pgoff;
	int err;

	err = arena_place_pages(arena, vmf->pgoff, 1, list);
	if (err)
		return err;
	err = vm_insert_page(vmf->vma, vmf->address & PAGE_MASK, page);
	if (err) {
		arena_remove_pages(arena, vmf->pgoff, &last, state, false);
		return err;
	}
	trace_karena_arena_state(arena, vmf->pgoff, 1, KARENA_PAGE_ALLOCATED);
	return 1;
}

/*
 * Allocates a touched page that is free or reserved, and no other. Takes a page before
 * the lock. If another fault or call was faster, gives the page back, and touches what
 * is there now.
 */
static int allocate_touched(struct karena_arena *arena, const struct vm_fault *vmf)
{
	struct arena_page_list list __uninitialized;
	u32 state;
	int ret;

	ret = arena_take_pages(arena, KARENA_NODE_ANY, 1, KARENA_GFP, &list);
	if (ret)
		goto drop;

	down_write(&arena->lock);
	state = ranges_at(&arena->ranges, vmf->pgoff).state;
	if (state == KARENA_PAGE_FREE || state == KARENA_PAGE_RESERVED)
		ret = place_and_map(arena, vmf, state, &list);
	else
		ret = touch_as_is(arena, vmf);
	up_write(&arena->lock);

drop:
	arena_drop_pages(arena, &list);
	return ret;
}

/* Handles a touch. Returns what touch_as_is() does, but for -EAGAIN. */
static int touch_page(struct karena_arena *arena, const struct vm_fault *vmf)
{
	int ret;

	down_read(&arena->lock);
	ret = touch_as_is(arena, vmf);
	up_read(&arena->lock);
	return ret == -EAGAIN ? allocate_touched(arena, vmf) : ret;
}

static vm_fault_t arena_fault(struct vm_fault *vmf)
{
	struct karena_arena *arena = file_arena(vmf->vma->vm_file);
	int ret = touch_page(arena, vmf);

	trace_karena_arena_fault(arena, vmf->pgoff, vmf->flags & FAULT_FLAG_WRITE, ret);
	if (ret >= 0) {
		if (ret)
			this_cpu_inc(arena->faults->populated);
		else
			this_cpu_inc(arena->faults->mapped);
		return VM_FAULT_NOPAGE;
	}
	if (ret == -EACCES) {
		this_cpu_inc(arena->faults->segv);
		return VM_FAULT_SIGSEGV;
	}
	/* Not VM_FAULT_OOM, which would make the kernel repeat the touch forever. */
	this_cpu_inc(arena->faults->bus);
	return VM_FAULT_SIGBUS;
}

static int arena_mremap(struct vm_area_struct *vma)
{
	return file_arena(vma->vm_file)->flags & KARENA_ARENA_F_FIXED_ADDR ? -EINVAL : 0;
}

static const struct vm_operations_struct arena_vm_ops = {
	.fault = arena_fault,
	.mremap = arena_mremap,
};

static bool window_fits(const struct karena_arena *arena, unsigned long first,
			unsigned long nr_pages)
{
	return first <= arena->nr_pages && nr_pages <= arena->nr_pages - first;
}

/*
 * Finds an address for the whole arena, so that later windows will fit as well: the one
 * where the window is at @addr if the caller demands that, else the kernel's choice.
 */
static unsigned long find_address(struct file *file, unsigned long addr, unsigned long skip,
				  unsigned long flags)
{
	unsigned long length = file_arena(file)->nr_pages << PAGE_SHIFT;

	if (!(flags & MAP_FIXED))
		return karena_get_unmapped_area(file, addr > skip ? addr - skip : 0, length, 0,
						flags);
	if (addr <= skip)
		return -EINVAL;
	if (length > TASK_SIZE || addr - skip > TASK_SIZE - length)
		return -ENOMEM;
	return addr - skip;
}

/*
 * Proposes an address when no mapping exists yet: the one that a concurrent mmap() has
 * proposed if it suits, else one for this mapping.
 */
static unsigned long propose_address(struct file *file, unsigned long proposed,
				     unsigned long addr, unsigned long len,
				     unsigned long skip, unsigned long flags)
{
	unsigned long want = proposed + skip;

	if (proposed && !addr && !(flags & MAP_FIXED) &&
	    !find_vma_intersection(current->mm, want, want + len))
		return proposed;
	return find_address(file, addr, skip, flags);
}

/*
 * Finds the place of a window of a FIXED_ADDR arena. The arena has an address only when
 * ->mmap has made the first mapping, but it is proposed here, so that of two concurrent
 * mmap() calls the second can follow the first.
 */
static unsigned long fixed_area(struct file *file, unsigned long addr, unsigned long len,
				unsigned long skip, unsigned long flags)
{
	struct karena_arena *arena = file_arena(file);
	unsigned long address, chosen, proposed, want;

	do {
		proposed = READ_ONCE(arena->proposed);
		chosen = READ_ONCE(arena->address);
		address = chosen ?: propose_address(file, proposed, addr, len, skip, flags);
		if (IS_ERR_VALUE(address))
			return address;
		want = address + skip;
		if (chosen && (addr || flags & MAP_FIXED) && addr != want)
			return -EINVAL;
		if (len > TASK_SIZE || want > TASK_SIZE - len)
			return -ENOMEM;
		if (find_vma_intersection(current->mm, want, want + len))
			return -EEXIST;
	} while (!chosen && cmpxchg(&arena->proposed, proposed, address) != proposed);
	return want;
}

/* Does a window lie where the arena is? Sets the arena's address if it has none. */
static bool pick_address(struct karena_arena *arena, const struct vm_area_struct *vma)
{
	unsigned long address = vma->vm_start - (vma->vm_pgoff << PAGE_SHIFT);
	bool same;

	down_write(&arena->lock);
	if (!arena->address)
		WRITE_ONCE(arena->address, address);
	same = arena->address == address;
	up_write(&arena->lock);
	return same;
}

/*
 * Called under mmap_lock before anything is unmapped, for MAP_FIXED, too: the last chance
 * for a FIXED_ADDR arena to refuse an address without harm to what is mapped there.
 */
static unsigned long arena_get_unmapped_area(struct file *file, unsigned long addr,
					     unsigned long len, unsigned long pgoff,
					     unsigned long flags)
{
	const struct karena_arena *arena = file_arena(file);

	if (!(arena->flags & KARENA_ARENA_F_FIXED_ADDR))
		return karena_get_unmapped_area(file, addr, len, pgoff, flags);

	/* Do not search an address for what ->mmap would refuse. */
	if ((flags & MAP_TYPE) == MAP_PRIVATE ||
	    !window_fits(arena, pgoff, len >> PAGE_SHIFT))
		return -EINVAL;
	if (!karena_may(karena_file_handle(file), KARENA_RIGHT_MAP))
		return -EACCES;
	return fixed_area(file, addr, len, pgoff << PAGE_SHIFT, flags);
}

/* Does a read of a page succeed, as mmap() reads the pages of a locked mapping? */
static bool can_populate(const struct karena_arena *arena, u32 state)
{
	return state == KARENA_PAGE_ALLOCATED ||
	       (state != KARENA_PAGE_GUARD && !(arena->flags & KARENA_ARENA_F_SEGV_ON_FAULT));
}

/*
 * Counts the pages that reading one page after the other would populate, up to the first
 * read that fails, or until there are more than @most. -EINTR for a fatal signal.
 */
static long count_to_populate(struct karena_arena *arena, unsigned long first,
			      unsigned long nr_pages, unsigned long most)
{
	unsigned long last = first + nr_pages - 1;
	struct page_range range = {};
	unsigned long nr = 0;

	for (; first <= last && nr <= most; first = range.last + 1) {
		struct karena_arena_range entry = {};

		if (fatal_signal_pending(current))
			return -EINTR;
		down_read(&arena->lock);
		range = ranges_at(&arena->ranges, first);
		if (can_populate(arena, range.state)) {
			range.first = first;
			range.last = min(range.last, last);
			arena_count_pages(arena, &range, &entry);
			nr += range.last - first + 1 - entry.nr_populated;
		} else {
			range.last = last;
		}
		up_read(&arena->lock);
		cond_resched();
	}
	return nr;
}

/*
 * Checks a mapping that is locked from the start (mlockall() with MCL_FUTURE, MAP_LOCKED).
 * mmap() populates it, even with MCL_ONFAULT, as the kernel removes that flag from such
 * mappings before it obeys it. If it could not be populated as a whole, it would take all
 * memory from everybody.
 */
static int check_locked(struct karena_arena *arena, struct vm_area_struct *vma)
{
	unsigned long most = min(karena_account_left(arena->object.account) >> PAGE_SHIFT,
				 karena_memory_available());
	long nr;

	if (vma_pages(vma) <= most || !vma_is_accessible(vma))
		return 0;
	nr = count_to_populate(arena, vma->vm_pgoff, vma_pages(vma), most);
	if (nr < 0)
		return nr;
	return nr > most ? -ENOMEM : 0;
}

static int arena_mmap(struct file *file, struct vm_area_struct *vma)
{
	const struct karena_handle *handle = karena_file_handle(file);
	struct karena_arena *arena = to_arena(handle->object);
	int err;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (!window_fits(arena, vma->vm_pgoff, vma_pages(vma)))
		return -EINVAL;
	if (!karena_may(handle, KARENA_RIGHT_MAP))
		return -EACCES;
	if (vma->vm_flags & VM_WRITE && !karena_may(handle, KARENA_RIGHT_MAP_WRITE))
		return -EACCES;

	if (vma->vm_flags & VM_LOCKED) {
		err = check_locked(arena, vma);
		if (err)
			return err;
	}
	/* A concurrent mmap() that demands another address may have been faster. */
	if (arena->flags & KARENA_ARENA_F_FIXED_ADDR && !pick_address(arena, vma))
		return -EINVAL;

	if (!karena_may(handle, KARENA_RIGHT_MAP_WRITE))
		karena_vm_flags_clear(vma, VM_MAYWRITE);
	/* VM_MIXEDMAP: the driver sets entries of ordinary pages. */
	karena_vm_flags_set(vma, VM_MIXEDMAP | VM_DONTEXPAND | VM_DONTDUMP);
	if (!(arena->flags & KARENA_ARENA_F_INHERIT))
		karena_vm_flags_set(vma, VM_DONTCOPY);
	vma->vm_ops = &arena_vm_ops;
	return 0;
}

static long arena_fallocate(struct file *file, int mode, loff_t offset, loff_t len)
{
	const struct karena_handle *handle = karena_file_handle(file);
	struct karena_arena *arena = to_arena(handle->object);
	unsigned long first;
	u64 done;
	int err;

	if (mode != (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE))
		return -EOPNOTSUPP;
	if (!karena_may(handle, KARENA_RIGHT_FREE))
		return -EPERM;
	if (!PAGE_ALIGNED(len))
		return -EINVAL;
	err = arena_check_range(arena, offset, len >> PAGE_SHIFT, &first);
	return err ?: arena_free(arena, first, len >> PAGE_SHIFT, 0, &done);
}

const struct file_operations arena_fops = {
	.owner = THIS_MODULE,
	.release = karena_object_release,
	.unlocked_ioctl = karena_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.uring_cmd = karena_file_uring_cmd,
	.mmap = arena_mmap,
	.get_unmapped_area = arena_get_unmapped_area,
	.fallocate = arena_fallocate,
	.show_fdinfo = karena_object_show_fdinfo,
	.llseek = noop_llseek,
};
