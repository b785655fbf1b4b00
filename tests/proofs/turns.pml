/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Threads that sleep in a call until there is space, each woken in turn: the protocol of
 * kmod/ring_wake.c and of the consumer's half in user space, step by step. A model for
 * Spin; a thread that sleeps while there is space for it shows as an invalid end state.
 *
 * Each thread may give up whenever it sleeps, be it woken by then or not; somebody who
 * never waits may take space at any time. Mutants, each of which must fail:
 *   -DLEAVES_QUIETLY		who leaves the queue does not look who is next
 *   -DKEEPS_THE_GRANT		who gives up does not return what it was granted
 *   -DRETURNS_QUIETLY		who was granted space that others took just waits again
 *   -DNO_LOOK			the kernel does not look after it has lowered space_wanted
 *   -DNO_CONSUMER_BARRIER	between storing the position and looking at space_wanted
 *   -DCONSUMER_IS_SILENT	it stores its position and does not look
 */
#define THREADS	3
#define SIZE	2
#define TAKEN	1

/* Space produced into; what the consumer says it has read, and what of it is accepted. */
byte produced = SIZE;
byte claim;
byte accepted;
byte space_wanted;

byte queue[THREADS];
byte queued;
byte need[THREADS];
bool granted[THREADS];
byte sum;

#define FREE	(SIZE + accepted - produced)

/* update_wanted(), under the lock of the queue. */
inline update(lowered)
{
	d_step {
		i = 0;
		next = 0;
		do
		:: i < queued && granted[queue[i]] -> i++
		:: i < queued && !granted[queue[i]] && sum + need[queue[i]] <= FREE ->
			granted[queue[i]] = true;
			sum = sum + need[queue[i]];
			i++
		:: i < queued && !granted[queue[i]] && sum + need[queue[i]] > FREE ->
			next = need[queue[i]];
			break
		:: i == queued -> break
		od;
		lowered = next && (!space_wanted || (next < space_wanted && FREE < space_wanted));
		space_wanted = next;
		i = 0;
		next = 0
	}
}

/* ring_look(): accepts under the ring's lock, and then tells. */
inline look(unused)
{
	accepted = claim;
	if
	:: space_wanted && FREE >= space_wanted ->
		update(unused);
		assert(!unused)
	:: else
	fi
}

inline look_if(lowered, unused)
{
#ifndef NO_LOOK
	if
	:: lowered -> look(unused)
	:: else
	fi
#endif
	lowered = false;
	unused = false
}

inline get_in_line(me)
{
	atomic {
		queue[queued] = me;
		queued++;
		update(lowered)
	};
	look_if(lowered, unused)
}

inline ungrant(me)
{
	if
	:: granted[me] ->
		granted[me] = false;
		sum = sum - need[me]
	:: else
	fi
}

inline leave(me)
{
	atomic {
#ifdef KEEPS_THE_GRANT
		granted[me] = false;
#else
		ungrant(me);
#endif
		i = 0;
		do
		:: queue[i] != me -> i++
		:: else -> break
		od;
		do
		:: i + 1 < queued -> queue[i] = queue[i + 1]; i++
		:: else -> break
		od;
		queued--;
		queue[queued] = 0;
		i = 0;
#ifndef LEAVES_QUIETLY
		update(lowered)
#endif
	};
	look_if(lowered, unused)
}

/* Some do not give up, so that somebody is there to be left asleep. */
proctype thread(byte me; bool patient)
{
	bool lowered, unused, done;
	byte i, next;

	get_in_line(me);
	do
	:: done -> break
	:: !done && granted[me] ->
		atomic {
			if
			:: need[me] <= FREE -> produced = produced + need[me]; done = true
			:: else
			fi
		};
		if
		:: !done ->
#ifdef RETURNS_QUIETLY
			atomic { ungrant(me) }
#else
			atomic { ungrant(me); update(lowered) };
			look_if(lowered, unused)
#endif
		:: else
		fi
	:: !done && !patient -> done = true	/* gives up */
	od;
	leave(me)
}

/* A write(), which takes what is there. */
proctype other()
{
	byte taken;

	do
	:: atomic { taken < TAKEN && FREE >= 1 -> produced++; taken++ }
	:: break
	od
}

/* By its mapping. */
active proctype consumer()
{
	bool unused;
	byte i, next, wanted;

	atomic {
		need[0] = 1;
		need[1] = 2;
		need[2] = 1;
		run thread(0, false);
		run thread(1, true);
		run thread(2, true);
		run other()
	};
end:	do
	:: claim < produced ->
#ifdef NO_CONSUMER_BARRIER
		if
		:: claim++; wanted = space_wanted
		:: wanted = space_wanted; claim++
		fi;
#else
		claim++;
		wanted = space_wanted;
#endif
#ifndef CONSUMER_IS_SILENT
		if
		:: wanted && SIZE + claim - produced >= wanted -> look(unused)
		:: else
		fi
#endif
	od
}
