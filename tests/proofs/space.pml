/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Waiting for space: the protocol of kmod/ring_wake.c and of the consumer's half in
 * user space, step by step. A model for Spin; a producer that sleeps while half of
 * the ring is free shows as an invalid end state.
 *
 * Barriers as in record.pml. -DEDGE: the producer uses edge-triggered epoll, else
 * poll(). Mutants, each of which must fail:
 *   -DNO_PRODUCER_BARRIER	between space_wanted and looking at the position
 *   -DNO_CONSUMER_BARRIER	between storing the position and looking at space_wanted
 *   -DCONSUMER_IS_SILENT	it stores its position and does not look
 *   -DWANT_IN_POLL_ONLY	a refusal does not set space_wanted (EDGE)
 */
#define RECORDS	5
#define SIZE	2
#define HALF	1

/* Records produced; what the consumer says it has read, and what of it is accepted. */
byte produced;
byte claim;
byte accepted;
bool space_wanted;

bool queued;
bool woken;

/* ring_look(), under the lock, and ring_tell_space() after it. */
inline look(saw)
{
	accepted = claim;
	if
	:: produced - accepted <= HALF && space_wanted ->
		atomic { saw = space_wanted; space_wanted = false };
		if
		:: saw ->
			atomic {
				if
				:: queued -> woken = true
				:: else
				fi
			}
		:: else
		fi
	:: else
	fi
}

/* ring_want_half() */
inline want_space(saw)
{
#ifdef NO_PRODUCER_BARRIER
	if
	:: space_wanted = true; look(saw)
	:: accepted = claim; space_wanted = true
	fi
#else
	space_wanted = true;
	look(saw)
#endif
}

/* ->poll: queued before; @space says what it reports to its caller. */
inline poll_space(space, saw)
{
	look(saw);
	if
	:: produced - accepted > HALF -> want_space(saw)
	:: else
	fi;
	space = produced - accepted <= HALF
}

/* Sends until it is refused, or all is sent. */
inline send_all(saw)
{
	do
	:: produced < RECORDS ->
		atomic { accepted = claim };
		if
		:: produced - accepted < SIZE -> produced++
		:: else ->
#ifndef WANT_IN_POLL_ONLY
			want_space(saw);
#endif
			break
		fi
	:: else -> break
	od
}

active proctype producer()
{
	bool space, saw;

#ifdef EDGE
	queued = true;
	poll_space(space, saw);
	woken = woken || space;
#endif
	do
	:: produced == RECORDS -> break
	:: else ->
#ifdef EDGE
		woken;
		woken = false;
		poll_space(space, saw);
#else
		woken = false;
		queued = true;
		poll_space(space, saw);
		if
		:: space
		:: !space -> woken
		fi;
		queued = false;
#endif
		if
		:: space -> send_all(saw)
		:: else
		fi
	od
}

/* By its mapping: each store of the position is of any number of records. */
active proctype consumer()
{
	bool saw, wanted;
	byte next;

	do
	:: claim == RECORDS -> break
	:: claim < produced ->
		next = claim + 1;
		if
		:: next < produced -> next++
		:: true
		fi;
#ifdef NO_CONSUMER_BARRIER
		if
		:: claim = next; wanted = space_wanted
		:: wanted = space_wanted; claim = next
		fi;
#else
		claim = next;
		wanted = space_wanted;
#endif
#ifndef CONSUMER_IS_SILENT
		if
		:: wanted && produced - claim <= HALF -> look(saw)
		:: else
		fi
#endif
	od
}
