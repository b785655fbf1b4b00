// SPDX-License-Identifier: GPL-2.0-only
/*
 * Between records and the memory of users.
 *
 * A page fault on user memory may take for ever. So nothing that another task waits for is held
 * over a page fault: neither a reserved record, for which the consumer would wait, nor the lock
 * of readers. The pages are faulted in before, and the copy itself runs with page faults
 * disabled. If a page has gone again in between, the copy stops short and is undone. The data
 * of a short record is copied to the stack first instead.
 *
 * Nor may the consumer have to wait for a task that does not get the CPU. Between reserving and
 * finishing a short record preemption is off. A long record may take longer: ring->copier owns
 * it in the meantime, and it may time out as a record that a user fills may, see ring_stuck.c.
 */
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "account.h"
#include "compat.h"
#include "memory.h"
#include "ring.h"
#include "ring_loss.h"
#include "ring_short.h"
#include "trace.h"

/* Bytes copied before another task may run. */
#define COPY_BYTES	SZ_64K

/* Most payload bytes of a short record. */
#define SHORT_BYTES	128

/* Returns whether all was copied; if not, @from is where it was. */
static bool copy_in(void *to, size_t length, struct iov_iter *from)
{
	size_t done = 0, want, got;

	while (done < length) {
		want = min_t(size_t, length - done, COPY_BYTES);
		pagefault_disable();
		got = copy_from_iter(to + done, want, from);
		pagefault_enable();
		done += got;
		if (got < want) {
			iov_iter_revert(from, done);
			return false;
		}
		cond_resched();
	}
	return true;
}

static bool copy_out(const void *from, size_t length, struct iov_iter *to)
{
	size_t done = 0, want, got;

	while (done < length) {
		want = min_t(size_t, length - done, COPY_BYTES);
		pagefault_disable();
		/* copy_to_iter() looks for bounds first, and knows none of such a mapping. */
		got = _copy_to_iter(from + done, want, to);
		pagefault_enable();
		done += got;
		if (got < want) {
			iov_iter_revert(to, done);
			return false;
		}
		cond_resched();
	}
	return true;
}

/* Sends a short copy. If the caller @waits, does not count a loss if there is no space. */
static __always_inline int send_short(struct karena_ring *ring, const void *copy, u32 length,
				      bool waits)
{
	u64 position;
	void *payload;
	int err;

	if (likely(ring_output_short(ring, copy, length, KARENA_RING_NO_WAKEUP)))
		return 0;
	if (!waits)
		return karena_ring_output(ring, copy, length, KARENA_RING_NO_WAKEUP);
	err = ring_try_reserve(ring, NULL, &length, 1, record_bytes(length), &position);
	if (err)
		return err;
	payload = record_header(&ring->records, position) + 1;
	memcpy(payload, copy, length);
	karena_ring_submit(ring, payload, KARENA_RING_NO_WAKEUP);
	return 0;
}

/*
 * The same for any length, by steps. -EFAULT: the memory is not there, -ESTALE: it has
 * timed out; nothing was sent, and with the former @from is where it was.
 */
static int send_long(struct karena_ring *ring, struct iov_iter *from, u32 length, u32 flags,
		     bool waits)
{
	u64 position;
	bool copied;
	int err;

	if (waits)
		err = ring_try_reserve(ring, &ring->copier, &length, 1, record_bytes(length),
				       &position);
	else
		err = ring_reserve_for(ring, &ring->copier, length, &position);
	if (err)
		return err;
	copied = copy_in(record_header(&ring->records, position) + 1, length, from);
	err = ring_end_for(ring, &ring->copier, position, 0,
			   copied ? 0 : KARENA_RECORD_DISCARD, flags);
	return err || copied ? err : -EFAULT;
}

/* Sends a short record that was copied to the stack. */
static __always_inline int output_copy(struct karena_ring *ring, const void *copy, size_t length,
				       u32 flags, bool waits)
{
	int err;

	preempt_disable();
	err = send_short(ring, copy, length, waits);
	preempt_enable();
	if (!err)
		ring_tell(ring, flags);
	return err;
}

/*
 * Copies a short record to the stack, where a page fault holds nobody up, and sends the copy.
 * For so few bytes this takes less than faulting the pages in before.
 */
static int output_short(struct karena_ring *ring, struct iov_iter *from, size_t length,
			u32 flags, bool waits)
{
	u64 copy[SHORT_BYTES / sizeof(u64)] __uninitialized;
	int err;

	if (!copy_from_iter_full(copy, length, from))
		return -EFAULT;
	err = output_copy(ring, copy, length, flags, waits);
	if (err)
		iov_iter_revert(from, length);
	return err;
}

/*
 * Copies a long record to kernel memory, where a page fault holds nobody up, and sends the copy.
 * The ring's account is charged for this memory as long as it is in use.
 */
static int output_indirectly(struct karena_ring *ring, struct iov_iter *from, size_t length,
			     u32 flags, bool waits)
{
	struct karena_account *account = ring->object.account;
	unsigned long bytes = PAGE_ALIGN(length);
	struct kvec copy = { .iov_len = length };
	struct iov_iter iter;
	int err = -EFAULT;

	if (karena_account_charge(account, bytes))
		return -ENOMEM;
	copy.iov_base = kvmalloc(length, KARENA_GFP);
	if (!copy.iov_base) {
		err = -ENOMEM;
		goto uncharge;
	}
	if (copy_from_iter_full(copy.iov_base, length, from)) {
		iov_iter_kvec(&iter, ITER_SOURCE, &copy, 1, length);
		err = send_long(ring, &iter, length, flags, waits);
	}
	if (err == -EAGAIN)
		iov_iter_revert(from, length);
	kvfree(copy.iov_base);

uncharge:
	karena_account_uncharge(account, bytes);
	return err;
}

static int output_long(struct karena_ring *ring, struct iov_iter *from, size_t length,
		       u32 flags, bool waits)
{
	int err;

	if (fault_in_iov_iter_readable(from, length))
		return -EFAULT;
	err = send_long(ring, from, length, flags, waits);
	if (err == -EFAULT)
		return output_indirectly(ring, from, length, flags, waits);
	return err;
}

/**
 * ring_output() - send user memory as one record
 * @ring:	the ring
 * @from:	the memory, all of which is the payload
 * @flags:	0, KARENA_RING_NO_WAKEUP or KARENA_RING_FORCE_WAKEUP; and
 *		KARENA_RING_WAIT_SPACE: do not count a loss if there is no space, as the caller
 *		waits for space
 *
 * After -EAGAIN the position of @from is as before the call.
 *
 * Context: may sleep for user memory, never for space.
 * Return: bytes sent; -EAGAIN: no space just now; -ENOSPC: can never fit; -EINVAL:
 * no bytes; -ESTALE: a long record has timed out; -EFAULT; -ENOMEM.
 */
ssize_t ring_output(struct karena_ring *ring, struct iov_iter *from, u32 flags)
{
	bool waits = flags & KARENA_RING_WAIT_SPACE;
	size_t length = iov_iter_count(from);
	int err;

	err = ring_check_length(ring, length);
	if (err)
		return err;
	flags &= RING_FINISH_FLAGS;
	if (length <= SHORT_BYTES)
		err = output_short(ring, from, length, flags, waits);
	else
		err = output_long(ring, from, length, flags, waits);
	if (err == -EAGAIN && !waits)
		ring_want_half(ring);
	return err ?: length;
}
EXPORT_SYMBOL_IF_KUNIT(ring_output);

/* Copies a few bytes by words, which takes less than a call of copy_from_user(). */
static bool copy_words_from_user(void *to, const void __user *from, size_t length)
{
	size_t words = round_down(length, sizeof(u64)), i;

	if (!user_read_access_begin(from, length))
		return false;
	for (i = words; i; i -= sizeof(u64))
		unsafe_get_user(((u64 *)(to + i))[-1], (const u64 __user *)(from + i) - 1, fault);
	for (i = words; i < length; i++)
		unsafe_get_user(*(u8 *)(to + i), (const u8 __user *)(from + i), fault);
	user_read_access_end();
	return true;

fault:
	user_read_access_end();
	return false;
}

/**
 * ring_output_user() - send a record whose data is in one piece of user memory
 * @ring:	the ring
 * @from:	user address of the data
 * @length:	bytes
 *
 * Does what ring_output() does without flags. A short record needs no iov_iter: a write() of 8
 * bytes takes 729 instructions by this function, and 907 by ring_output().
 *
 * Context: may sleep for user memory, never for space.
 * Return: as ring_output().
 */
ssize_t ring_output_user(struct karena_ring *ring, const void __user *from, size_t length)
{
	u64 copy[SHORT_BYTES / sizeof(u64)] __uninitialized;
	struct iov_iter iter;
	int err;

	/* A length of 0 wraps around here; ring_output() refuses it. */
	if (length - 1 >= SHORT_BYTES) {
		iov_iter_ubuf(&iter, ITER_SOURCE, (void __user *)from, length);
		return ring_output(ring, &iter, 0);
	}
	if (!copy_words_from_user(copy, from, length))
		return -EFAULT;
	err = output_copy(ring, copy, length, 0, false);
	if (err == -EAGAIN)
		ring_want_half(ring);
	return err ?: length;
}

/* What a reader is given of a run: of a trimmed record less than it takes. */
static size_t given(const struct karena_ring *ring, const struct ring_run *run)
{
	return ring_in_place(ring) ? record_word_bytes(run->word) : run->bytes;
}

/*
 * Where users can write the data, a header in it may say anything; the reader
 * gets the one that the kernel knows.
 */
static bool copy_run(const struct karena_ring *ring, const struct ring_run *run,
		     struct iov_iter *to)
{
	const struct karena_record_header *from = record_header(&ring->records, run->position);
	struct karena_record_header header = { .word = run->word };

	if (!ring_in_place(ring))
		return copy_out(from, run->bytes, to);
	if (!copy_out(&header, sizeof(header), to))
		return false;
	if (copy_out(from + 1, given(ring, run) - sizeof(header), to))
		return true;
	iov_iter_revert(to, sizeof(header));
	return false;
}

/*
 * Reads one run. Returns its bytes; 0: nothing is there; -EMSGSIZE; -EFAULT: the
 * memory for @run->bytes is not there; -EINTR.
 */
static ssize_t read_run(struct karena_ring *ring, struct iov_iter *to, unsigned int steps,
			struct ring_run *run)
{
	int err;

	for (;;) {
		err = ring_read_begin(ring, iov_iter_count(to), steps, run);
		if (err || !run->bytes)
			return err;
		if (!copy_run(ring, run, to))
			return -EFAULT;
		if (ring_read_end(ring, run))
			break;
		iov_iter_revert(to, given(ring, run));
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	trace_karena_ring_read(ring, run->position, run->bytes);
	return given(ring, run);
}

/*
 * Reads runs until one cannot be read, and adds their bytes to @done. Others read under
 * the lock for as long as their memory lasts, so that nothing but a fatal signal ends
 * the wait for it.
 */
static ssize_t read_runs(struct karena_ring *ring, struct iov_iter *to, unsigned int steps,
			 struct ring_run *run, ssize_t *done)
{
	ssize_t ret;

	if (mutex_lock_killable(&ring->read_lock))
		return -EINTR;
	do {
		ret = read_run(ring, to, steps, run);
		if (ret > 0)
			*done += ret;
	} while (ret > 0 && !run->last && iov_iter_count(to) &&
		 !fatal_signal_pending(current));
	mutex_unlock(&ring->read_lock);
	ring_tell_space(ring);
	return ret;
}

/**
 * ring_read() - give a user the records that are there
 * @ring:	the ring; the caller is its consumer
 * @to:		memory for one byte or more
 *
 * Whole records, each header, payload and padding. What cannot be given stays.
 *
 * Context: may sleep for user memory, never for a record.
 * Return: bytes; 0: none is there; -EMSGSIZE: the first is larger than @to;
 * -EFAULT; -EINTR.
 */
ssize_t ring_read(struct karena_ring *ring, struct iov_iter *to)
{
	/* In place, each header is made up, so no two records are in one piece. */
	unsigned int steps = ring_in_place(ring) ? 1 : RING_STEPS;
	struct ring_run run;
	ssize_t ret, done = 0;

	for (;;) {
		ret = read_runs(ring, to, steps, &run, &done);
		if (ret != -EFAULT)
			break;
		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		if (!fault_in_iov_iter_writeable(to, run.bytes))
			continue;
		/* Then only as much as the memory that is there may hold. */
		if (steps == 1)
			break;
		steps = 1;
	}
	return done ?: ret;
}
EXPORT_SYMBOL_IF_KUNIT(ring_read);
