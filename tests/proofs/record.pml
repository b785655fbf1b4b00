/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Waiting for a record: the protocol of kmod/ring_wake.c, step by step. A model for
 * Spin; a waiter that sleeps while a record is there shows as an invalid end state.
 *
 * Spin's memory is sequentially consistent. Where a full barrier stands between a
 * store and a load, leaving it out is leaving their order open; the other accesses
 * are ordered by acquire and release, which no machine undoes.
 *
 * -DEDGE: the waiter uses edge-triggered epoll or io_uring's multishot poll, else poll()
 * or read(). Mutants, each of which must fail:
 *   -DNO_WAITER_BARRIER	between arming and looking
 *   -DNO_PRODUCER_BARRIER	between ending the record and looking at armed
 *   -DARM_BEFORE_QUEUE		onto the wait queue after arming
 *   -DLOOK_BEFORE_ARM		look for the record, then arm
 *   -DARM_IF_EMPTY		->poll arms only when it finds nothing (EDGE)
 *   -DWAKE_WITH_KEY		a wake-up says what there is, and ->poll is not asked (EDGE)
 *   -DDEAD_WAKES_NOBODY	discarding what a dead owner left open wakes nobody
 */
#define RECORDS	3

/* Of the ring. A record is there if it is neither unreserved nor BUSY. */
byte produced;
bool done[RECORDS];
bool armed;
byte consumed;

/* Of the waiter: on the wait queue; woken since it looked last. */
bool queued;
bool woken;

/* A signal that kills the first waiter, at any moment, or never. */
bool killed;

#define THERE	(consumed < produced && done[consumed])

inline wake()
{
	atomic {
		if
		:: queued -> woken = true
		:: else
		fi
	}
}

/* ring_wake(): the load of armed was in @saw, the exchange decides. */
inline wake_armed(saw)
{
	if
	:: saw ->
		atomic { saw = armed; armed = false };
		if
		:: saw -> wake()
		:: else
		fi
	:: else
	fi
}

inline end_and_look(mine, saw)
{
#ifdef NO_PRODUCER_BARRIER
	if
	:: done[mine] = true; saw = armed
	:: saw = armed; done[mine] = true
	fi
#else
	done[mine] = true;
	saw = armed
#endif
}

/* Reserves a record, and ends it or dies; then the kernel ends it (ring_abandon()). */
proctype producer()
{
	byte mine;
	bool saw;

	atomic { mine = produced; produced++ };
	if
	:: true ->
		end_and_look(mine, saw);
		wake_armed(saw)
	:: true ->
		end_and_look(mine, saw);
#ifndef DEAD_WAKES_NOBODY
		wake_armed(saw)
#endif
	fi
}

/* What ->poll and ring_wait_record() do once they are queued. */
inline arm_and_look(found)
{
#if defined(LOOK_BEFORE_ARM)
	found = THERE;
	armed = true
#elif defined(NO_WAITER_BARRIER)
	if
	:: armed = true; found = THERE
	:: found = THERE; armed = true
	fi
#elif defined(ARM_IF_EMPTY)
	found = THERE;
	if
	:: !found -> armed = true; found = THERE
	:: else
	fi
#else
	armed = true;
	found = THERE
#endif
}

inline queue_and_look(found)
{
#ifdef ARM_BEFORE_QUEUE
	arm_and_look(found);
	queued = true
#else
	queued = true;
	arm_and_look(found)
#endif
}

/* The consumer reads on its own until it finds nothing, by whatever barriers. */
inline read_all()
{
	do
	:: THERE -> consumed++
	:: !THERE -> break
	od
}

#ifdef EDGE
/*
 * The item stays on the wait queue; a wake-up puts it onto the list of what is
 * ready (woken), from where epoll_wait() takes it, and asks ->poll what there is.
 */
inline consume(found)
{
	queue_and_look(found);
	woken = woken || found;
	do
	:: consumed == RECORDS -> break
	:: else ->
		woken;
		woken = false;
#ifdef WAKE_WITH_KEY
		found = true;
#else
		arm_and_look(found);
#endif
		if
		:: found -> read_all()
		:: else
		fi
	od
}
#else
inline consume(found)
{
	do
	:: consumed == RECORDS -> break
	:: else ->
		woken = false;
		queue_and_look(found);
		if
		:: found
		:: !found -> woken
		fi;
		queued = false;
		read_all()
	od
}
#endif

/* A consumer may die wherever it stands; another begins where it ended. */
proctype waiter(bool mortal)
{
	bool found;

	{
		consume(found)
	} unless {
		mortal && killed
	};
	if
	:: mortal && killed ->
		atomic { queued = false; woken = false };
		run waiter(false)
	:: else
	fi
}

proctype killer()
{
	if
	:: killed = true
	:: true
	fi
}

init {
	byte i;

	atomic {
		for (i : 1 .. RECORDS) {
			run producer()
		}
		run waiter(true);
		run killer()
	}
}
