/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Waiting for room: the protocol of kmod/ring_wait.c and of the consumer's half in
 * user space, step by step. A model for Spin; a producer that sleeps while half of
 * the ring is free shows as an invalid end state.
 *
 * Barriers as in record.pml. -DEDGE: the producer uses edge-triggered epoll, else
 * poll(). Mutants, each of which must fail:
 *   -DNO_PRODUCER_BARRIER	between room_wanted and looking at the position
 *   -DNO_CONSUMER_BARRIER	between storing the position and looking at room_wanted
 *   -DCONSUMER_IS_SILENT	it stores its position and does not look
 *   -DWANT_IN_POLL_ONLY	a refusal does not set room_wanted (EDGE)
 */
#define RECORDS	5
#define SIZE	2
#define HALF	1

/* Records produced; what the consumer says it has read, and what of it is accepted. */
byte produced;
byte claim;
byte accepted;
bool room_wanted;

bool queued;
bool woken;

/* ring_look(), under the lock, and ring_tell_room() after it. */
inline look(saw)
{
	accepted = claim;
	if
	:: produced - accepted <= HALF && room_wanted ->
		atomic { saw = room_wanted; room_wanted = false };
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

/* ring_want_room() */
inline want_room(saw)
{
#ifdef NO_PRODUCER_BARRIER
	if
	:: room_wanted = true; look(saw)
	:: accepted = claim; room_wanted = true
	fi
#else
	room_wanted = true;
	look(saw)
#endif
}

/* ->poll: queued before; @room says what it tells its caller. */
inline poll_room(room, saw)
{
	look(saw);
	if
	:: produced - accepted > HALF -> want_room(saw)
	:: else
	fi;
	room = produced - accepted <= HALF
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
			want_room(saw);
#endif
			break
		fi
	:: else -> break
	od
}

active proctype producer()
{
	bool room, saw;

#ifdef EDGE
	queued = true;
	poll_room(room, saw);
	woken = woken || room;
#endif
	do
	:: produced == RECORDS -> break
	:: else ->
#ifdef EDGE
		woken;
		woken = false;
		poll_room(room, saw);
#else
		woken = false;
		queued = true;
		poll_room(room, saw);
		if
		:: room
		:: !room -> woken
		fi;
		queued = false;
#endif
		if
		:: room -> send_all(saw)
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
		:: claim = next; wanted = room_wanted
		:: wanted = room_wanted; claim = next
		fi;
#else
		claim = next;
		wanted = room_wanted;
#endif
#ifndef CONSUMER_IS_SILENT
		if
		:: wanted && produced - claim <= HALF -> look(saw)
		:: else
		fi
#endif
	od
}
