/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Waiting on a shared ring, for records and for space, while a producer and the consumer die,
 * at any step each: the protocol of kmod/record_shared.h, and of the kernel, which arms,
 * wakes and sees to the dead. A model for Spin. Positions count records, of which the ring
 * holds SIZE; how a record is reserved in one step, and what marks are for, is not in it.
 *
 * When nobody can take a step, everybody must be done: all records that are not a dead
 * producer's have come out, and no producer waits for space. -DEDGE: the consumer uses
 * edge-triggered epoll, else WAIT. Mutants, each of which must fail:
 *   -DNO_PRODUCER_BARRIER	between finishing a record and looking at armed
 *   -DNO_WAITER_BARRIER	between arming for records and looking for one
 *   -DNO_CONSUMER_BARRIER	between storing freed and looking at armed
 *   -DNO_SPACE_BARRIER		between arming for space and looking at freed
 *   -DARM_BEFORE_QUEUE		the kernel arms for records before it queues the waiter
 *   -DUSERS_CLEAR		who finds armed clears it, and then makes the call, in which the
 *				kernel goes by the word
 *   -DDEAD_WAKE_NO_CONSUMER	a producer's death wakes nobody who waits for records
 *   -DDEAD_WAKE_NO_PRODUCER	the consumer's death wakes nobody who waits for space
 *   -DLOOK_BY_HINT		the kernel looks for records by the hint
 *   -DNUMBER_IS_FREE		a dead owner's number is given out before its records are
 *				discarded
 *   -DSUCCESSOR_IS_SILENT	who takes over gives back space, and does not look at armed
 */
#ifndef RECORDS
#define RECORDS	1
#endif
#ifndef SIZE
#define SIZE	1
#endif
/* Of two producers, and of one that is given the number of a dead one. */
#define TOTAL	4

#define NONE	0
#define BUSY	1
#define DONE	2
#define DISCARD	3

byte chain;
byte hint;
byte read_;
byte freed;
byte state[TOTAL + 1];
byte owner[TOTAL + 1];
bool armed_records;
bool armed_space;

/* The kernel's own. */
bool consumer_queued, consumer_woken;
bool producer_queued[3], producer_woken[3];

bool kill_producer, kill_consumer;
byte nr_producers = 2;
bool over;

inline wake_consumer()
{
	consumer_woken = consumer_woken || consumer_queued
}

inline wake_producers()
{
	producer_woken[1] = producer_woken[1] || producer_queued[1];
	producer_woken[2] = producer_woken[2] || producer_queued[2]
}

/* KICK: whatever the word says, who is queued is woken. */
inline kick_records()
{
#ifdef USERS_CLEAR
	armed_records = false;
	d_step {
		if
		:: armed_records -> armed_records = false; wake_consumer()
		:: else
		fi
	}
#else
	d_step { armed_records = false; wake_consumer() }
#endif
}

inline kick_space()
{
#ifdef USERS_CLEAR
	armed_space = false;
	d_step {
		if
		:: armed_space -> armed_space = false; wake_producers()
		:: else
		fi
	}
#else
	d_step { armed_space = false; wake_producers() }
#endif
}

/* shared_finish(), and what its caller does. */
inline finish(p, saw)
{
#ifdef NO_PRODUCER_BARRIER
	if
	:: atomic { assert(state[p] == BUSY); state[p] = DONE }; saw = armed_records
	:: saw = armed_records; atomic { assert(state[p] == BUSY); state[p] = DONE }
	fi;
#else
	atomic { assert(state[p] == BUSY); state[p] = DONE };
	saw = armed_records;
#endif
	if
	:: atomic { saw -> saw = false }; kick_records()
	:: else
	fi
}

inline wait_for_space(id)
{
	atomic { producer_queued[id] = true; producer_woken[id] = false };
#ifdef NO_SPACE_BARRIER
	if
	:: armed_space = true; room = freed + SIZE > chain
	:: room = freed + SIZE > chain; armed_space = true
	fi;
#else
	armed_space = true;
	room = freed + SIZE > chain;
#endif
	if
	:: room
	:: !room && producer_woken[id]
	fi;
	atomic { producer_queued[id] = false; producer_woken[id] = false; room = false }
}

proctype producer(byte id, nr)
{
	byte p;
	bool saw, room, fin;

	{
		do
		:: nr == 0 -> break
		:: atomic { nr > 0 && chain < freed + SIZE ->
				p = chain;
				state[p] = BUSY;
				owner[p] = id;
				chain++
			};
#ifdef LOOK_BY_HINT
			hint = p + 1;
#endif
			finish(p, saw);
			atomic { nr--; p = 0 }
		:: nr > 0 && chain >= freed + SIZE -> wait_for_space(id)
		od;
		atomic { fin = true; nr_producers-- }
	} unless { kill_producer && id == 1 && !fin };
	if
	:: !fin ->
		atomic {
			kill_producer = false;
			producer_queued[id] = false;
			producer_woken[id] = false;
			run death(id, nr)
		}
	:: else
	fi
}

/* shared_abandon(), and what its caller does. */
proctype death(byte id, left)
{
	byte p;

#ifdef NUMBER_IS_FREE
	run producer(id, (left > 0 -> 1 : 0));
#endif
	d_step {
		p = read_;
		do
		:: p == chain -> break
		:: p < chain && state[p] == BUSY && owner[p] == id -> state[p] = DISCARD; p++
		:: p < chain && !(state[p] == BUSY && owner[p] == id) -> p++
		od;
		p = 0
	};
	d_step {
#ifndef DEAD_WAKE_NO_CONSUMER
		wake_consumer();
#endif
		wake_producers()
	};
#ifndef NUMBER_IS_FREE
	run producer(id, (left > 0 -> 1 : 0))
#endif
}

/* The kernel's look: is the consumer's next record there? */
inline look(ready)
{
#ifdef LOOK_BY_HINT
	ready = hint > read_ && state[read_] >= DONE
#else
	ready = state[read_] >= DONE
#endif
}

inline arm_and_look(ready)
{
#ifdef NO_WAITER_BARRIER
	if
	:: armed_records = true; look(ready)
	:: look(ready); armed_records = true
	fi
#else
	armed_records = true;
	look(ready)
#endif
}

/* shared_release(): whoever takes over gives back what the last one has left. */
inline release(saw)
{
	if
	:: freed != c || read_ != c ->
		read_ = c;
#ifdef NO_CONSUMER_BARRIER
		if
		:: freed = c; saw = armed_space
		:: saw = armed_space; freed = c
		fi;
#else
		freed = c;
		saw = armed_space;
#endif
#ifdef SUCCESSOR_IS_SILENT
		saw = saw && !successor;
#endif
		if
		:: atomic { saw -> saw = false }; kick_space()
		:: else
		fi
	:: else
	fi
}

/* Takes what is there, and releases now and then, at last. */
inline take_all(saw)
{
	do
	:: atomic { state[c] >= DONE -> c++ }
	:: c != read_ -> release(saw)
	:: state[c] < DONE -> release(saw); break
	od
}

proctype consumer(bool successor)
{
	byte c;
	bool ready, saw, fin;

	{
		c = read_;
#ifdef EDGE
		consumer_queued = true;
		arm_and_look(ready);
		consumer_woken = consumer_woken || ready;
		/* What was left by another is given back before it sleeps. */
		release(saw);
		do
		:: over -> break
		:: !over && consumer_woken ->
			consumer_woken = false;
			arm_and_look(ready);
			if
			:: atomic { ready -> ready = false }; take_all(saw)
			:: else
			fi
		od;
#else
		do
		:: over -> break
		:: !over ->
			take_all(saw);
#ifdef ARM_BEFORE_QUEUE
			arm_and_look(ready);
			consumer_queued = true;
#else
			consumer_queued = true;
			arm_and_look(ready);
#endif
			if
			:: ready
			:: !ready && (consumer_woken || over)
			fi;
			atomic { consumer_queued = false; consumer_woken = false; ready = false }
		od;
#endif
		fin = true
	} unless { kill_consumer && !fin };
	if
	:: !fin ->
		atomic { kill_consumer = false; consumer_queued = false; consumer_woken = false };
#ifndef DEAD_WAKE_NO_PRODUCER
		d_step { wake_producers() };
#endif
		run consumer(true)
	:: else
	fi
}

init {
	atomic {
		run producer(1, RECORDS);
		run producer(2, 1);
		run consumer(false)
	};
	if
	:: kill_producer = true
	:: true
	fi;
	if
	:: kill_consumer = true
	:: true
	fi;
	timeout;
	assert(nr_producers == 0 && read_ == chain && freed == chain);
	over = true
}
