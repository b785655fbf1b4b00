# SPDX-License-Identifier: GPL-2.0-only
"""The module karena for Python against the kernel module. To be run in a VM by vm/python."""

import errno
import gc
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

import karena
import tap

RINGS_BYTES = 65536


def in_child(function):
    """Run a function in a child, and return its exit status, or minus its signal."""
    child = os.fork()
    if not child:
        status = 1
        try:
            function()
            status = 0
        except SystemExit as end:
            status = end.code
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def mappings():
    """Lines of arenas and rings that are mapped."""
    with open("/proc/self/maps", encoding="ascii") as maps:
        return [line for line in maps if "karena" in line and ".so" not in line]


class WithDevice(unittest.TestCase):
    def setUp(self):
        self.device = karena.Device()
        self.addCleanup(self.device.close)

    def arena(self, **options):
        arena = self.device.create_arena(1 << 30, **options)
        self.addCleanup(arena.close)
        return arena

    def ring(self, **options):
        ring = self.device.create_ring(RINGS_BYTES, **options)
        self.addCleanup(ring.close)
        return ring


class Device(WithDevice):
    def test_query_tells_what_the_kernel_has(self):
        query = self.device.query()
        self.assertEqual(query.abi_version, 1)
        self.assertEqual(query.page_size, os.sysconf("SC_PAGESIZE"))
        self.assertGreater(query.arena_max_bytes, 1 << 40)

    def test_objects_are_listed_with_who_made_them(self):
        arena = self.arena(name="listed")
        rings = [self.ring() for _ in range(100)]
        found = list(self.device.objects())
        self.assertEqual([entry.kind for entry in found],
                         [karena.Kind.ARENA] + [karena.Kind.RING] * len(rings))
        self.assertEqual((found[0].name, found[0].pid, found[0].length, found[0].nr_files),
                         ("listed", os.getpid(), arena.length, 1))

    def test_a_path_that_is_no_device_is_refused(self):
        with self.assertRaises(FileNotFoundError):
            karena.Device("/nowhere")
        with self.assertRaises(OSError) as caught:
            karena.Device("/dev/null")
        self.assertEqual(caught.exception.errno, errno.ENOTTY)

    def test_errors_tell_argument_value_and_rule(self):
        with self.assertRaises(OSError) as caught:
            self.device.create_ring(65544)
        self.assertEqual(caught.exception.errno, errno.EINVAL)
        self.assertIn("data_bytes 65544", caught.exception.strerror)

    def test_what_is_closed_is_refused(self):
        self.assertFalse(self.device.closed)
        self.device.close()
        self.device.close()
        self.assertTrue(self.device.closed)
        with self.assertRaises(ValueError):
            self.device.query()

    def test_objects_are_not_made_by_their_classes(self):
        for kind in karena.Arena, karena.Ring, karena.View:
            self.assertRaises(TypeError, kind)

    def test_descriptors_are_closed_when_nobody_has_the_object(self):
        before = os.listdir("/proc/self/fd")
        with karena.Device() as device:
            arena = device.create_arena(4096)
            ring = device.create_ring(4096)
            self.assertEqual(len(os.listdir("/proc/self/fd")), len(before) + 3)
        del arena
        ring.close()
        self.assertEqual(os.listdir("/proc/self/fd"), before)

    def test_the_version_is_that_of_the_library(self):
        self.assertRegex(karena.version(), r"^\d+\.\d+\.\d+$")


class Arena(WithDevice):
    def test_processes_share_pages(self):
        arena = self.arena()

        def child():
            with arena.map() as view:
                view.at(arena.page_size, 5)[:] = b"child"

        self.assertEqual(in_child(child), 0)
        with arena.map() as view:
            self.assertEqual(bytes(view.at(arena.page_size, 5)), b"child")

    def test_alloc_leaves_out_page_0_unless_told(self):
        page = os.sysconf("SC_PAGESIZE")
        self.assertEqual(self.arena().alloc(), page)
        self.assertEqual(self.arena(use_page_0=True).alloc(), 0)
        self.assertEqual(self.arena().alloc(fixed=True), 0)

    def test_alloc_takes_place_alignment_and_hint(self):
        arena = self.arena()
        page = arena.page_size
        self.assertEqual(arena.alloc(2, offset=16 * page, fixed=True), 16 * page)
        self.assertEqual(arena.alloc(offset=16 * page), 18 * page)
        self.assertEqual(arena.alloc(align=64 * page), 64 * page)
        self.assertEqual(arena.stat().populated, 4)
        arena.alloc(8, lazy=True)
        self.assertEqual(arena.stat().populated, 4)
        self.assertEqual(arena.stat().allocated, 12)
        with self.assertRaises(OSError) as caught:
            arena.alloc(offset=16 * page, fixed=True)
        self.assertEqual(caught.exception.errno, errno.EBUSY)
        with self.assertRaises(OSError) as caught:
            arena.alloc(1 << 30)
        self.assertIn(caught.exception.errno, (errno.EINVAL, errno.ENOSPC))

    def test_pages_go_through_their_states(self):
        arena = self.arena()
        page = arena.page_size
        arena.reserve(4 * page, 4)
        arena.guard(8 * page, 2)
        arena.commit(5 * page)
        arena.commit(6 * page, lazy=True)
        self.assertEqual(list(arena.walk()), [
            karena.Range(4 * page, 1, 0, 0, karena.PageState.RESERVED),
            karena.Range(5 * page, 2, 1, 0, karena.PageState.ALLOCATED),
            karena.Range(7 * page, 1, 0, 0, karena.PageState.RESERVED),
            karena.Range(8 * page, 2, 0, 0, karena.PageState.GUARD)])
        arena.decommit(5 * page, 2)
        self.assertEqual([found.nr_pages for found in arena.walk(4 * page)], [4, 2])
        with self.assertRaises(FileNotFoundError):
            arena.free(4 * page, 6, strict=True)
        arena.free(4 * page, 6)
        self.assertEqual(list(arena.walk()), [])

    def test_a_walk_ends_where_the_arena_is_closed(self):
        arena = self.arena()
        arena.alloc()
        arena.reserve(8 * arena.page_size)
        walk = arena.walk()
        next(walk)
        arena.close()
        next(walk)
        self.assertEqual(list(walk), [])

    def test_stat_tells_properties_and_pins(self):
        stat = self.arena(name="books", fault_pages=8).stat(pinned=True)
        self.assertEqual((stat.name, stat.fault_pages, stat.pinned), ("books", 8, 0))
        self.assertEqual(stat.rights, karena.Right.MAP | karena.Right.MAP_WRITE |
                         karena.Right.ALLOC | karena.Right.FREE)

    def test_rights_are_cut_per_open_file(self):
        arena = self.arena()
        reader = arena.reopen(karena.Right.MAP)
        with self.assertRaises(PermissionError):
            reader.alloc()
        with self.assertRaises(PermissionError):
            reader.map()
        offset = arena.alloc()
        with reader.map(write=False) as view:
            self.assertTrue(view.memory.readonly)
            with self.assertRaises(TypeError):
                view.at(offset, 1)[0] = 1
        arena.restrict(karena.Right.MAP)
        with self.assertRaises(PermissionError):
            arena.alloc()

    def test_views_check_offsets(self):
        arena = self.arena()
        page = arena.page_size
        with arena.map(4 * page, 2 * page) as view:
            self.assertEqual((view.offset, view.length), (4 * page, 2 * page))
            self.assertEqual(len(view.memory), 2 * page)
            self.assertEqual(len(view.at(6 * page - 1, 1)), 1)
            for offset, length in (4 * page - 1, 1), (6 * page, 1), (5 * page, page + 1), \
                    (4 * page, -1):
                with self.assertRaises(IndexError):
                    view.at(offset, length)
        with self.assertRaises(ValueError):
            view.at(4 * page, 1)

    def test_fixed_arenas_have_one_address(self):
        arena = self.arena(fixed_addr=True)
        with arena.map() as view:
            self.assertEqual(arena.stat().address, view.address)
            with self.assertRaises(FileExistsError):
                arena.map()

    def test_memory_that_is_shown_stays_mapped(self):
        arena = self.arena()
        view = arena.map()
        part = view.at(arena.page_size, 16)[4:8]
        view.close()
        part[:] = b"here"
        self.assertEqual(len(mappings()), 1)
        del part
        gc.collect()
        self.assertEqual(mappings(), [])

    def test_children_do_not_use_views_that_they_have_not(self):
        arena = self.arena()
        view = arena.map()

        def child():
            try:
                view.at(arena.page_size, 1)
            except ValueError:
                # Nothing of the child's own must go with it.
                view.close()
                return
            sys.exit(1)

        self.assertEqual(in_child(child), 0)
        view.at(arena.page_size, 1)[0] = 1
        view.close()

    def test_children_use_views_of_arenas_that_are_inherited(self):
        arena = self.arena(inherit=True)
        view = arena.map()

        def child():
            view.at(arena.page_size, 1)[0] = 7
            view.close()
            if mappings():
                sys.exit(1)

        self.assertEqual(in_child(child), 0)
        self.assertEqual(view.at(arena.page_size, 1)[0], 7)
        view.close()

    def test_descriptors_go_over_sockets(self):
        arena = self.arena()
        offset = arena.alloc()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            karena.send_fd(ours, arena.reopen(karena.Right.MAP))
            with karena.Arena.from_fd(karena.recv_fd(theirs)) as reader:
                self.assertEqual(reader.length, arena.length)
                with reader.map(write=False) as view:
                    self.assertEqual(view.at(offset, 1)[0], 0)
            ours.close()
            with self.assertRaises(BrokenPipeError):
                karena.recv_fd(theirs)
        with self.assertRaises(OSError) as caught:
            karena.Ring.from_fd(arena.fileno())
        self.assertEqual(caught.exception.errno, errno.ENOTTY)


class Ring(WithDevice):
    def test_records_come_out_as_they_went_in(self):
        ring = self.ring()
        for data in b"one", bytearray(b"two\0"), memoryview(b"three"):
            ring.output(data)
        self.assertEqual(ring.consume(2), [b"one", b"two\0"])
        self.assertEqual(ring.consume(), [b"three"])
        self.assertEqual(ring.consume(), [])
        self.assertEqual(ring.stat().read, 3)
        self.assertRaises(TypeError, ring.output, "text")
        self.assertRaises(TypeError, ring.output, 5)

    def test_a_batch_is_sent_at_once(self):
        ring = self.ring()
        records = [b"x" * length for length in (1, 7, 8, 9, 4000)]
        self.assertEqual(ring.output_batch(records), len(records))
        self.assertEqual(ring.consume(), records)
        self.assertEqual(ring.output_batch([b"y" * 30000] * 3), 2)

    def test_a_full_ring_says_so_or_waits(self):
        ring = self.ring()
        big = b"x" * (RINGS_BYTES // 2 - 8)
        ring.output(big)
        ring.output(big)
        with self.assertRaises(BlockingIOError):
            ring.output(b"more")
        with self.assertRaises(TimeoutError):
            ring.output(b"more", timeout=0.05)
        with self.assertRaises(OSError) as caught:
            ring.output(b"x" * RINGS_BYTES)
        self.assertEqual(caught.exception.errno, errno.ENOSPC)
        thread = threading.Thread(target=lambda: (time.sleep(0.1), ring.consume()))
        thread.start()
        ring.output(b"more", timeout=None)
        thread.join()
        self.assertEqual(ring.stat().lost_full, 2)

    def test_records_are_filled_in_place(self):
        ring = self.ring(in_place=True)
        with ring.reserve(16) as record:
            record.memory[:5] = b"whole"
        with ring.reserve(16) as record:
            record.memory[:5] = b"trims"
            record.submit(5)
        with self.assertRaises(ZeroDivisionError):
            with ring.reserve(16) as record:
                record.memory[0] = 1 // 0
        self.assertTrue(record.closed)
        self.assertEqual(ring.consume(), [b"whole" + bytes(11), b"trims"])
        self.assertEqual(ring.stat().discarded, 1)

    def test_a_finished_record_cannot_be_written(self):
        ring = self.ring(in_place=True)
        record = ring.reserve(8)
        record.submit()
        with self.assertRaises(ValueError):
            record.memory[0] = 1
        self.assertRaises(ValueError, record.submit)
        self.assertRaises(ValueError, record.discard)
        record.close()

    def test_a_record_that_cannot_be_trimmed_so_stays_open(self):
        record = self.ring(in_place=True).reserve(8)
        with self.assertRaises(OSError):
            record.submit(9)
        self.assertFalse(record.closed)
        record.close()
        self.assertTrue(record.closed)

    def test_a_record_that_timed_out_is_lost(self):
        ring = self.ring(in_place=True, reserve_timeout=0.01)
        record = ring.reserve(8)
        while not ring.stat().lost_timeout:
            time.sleep(0.01)
        with self.assertRaises(OSError) as caught:
            record.submit()
        self.assertEqual(caught.exception.errno, errno.ESTALE)
        self.assertTrue(record.closed)

    def test_a_reservation_waits_for_space(self):
        ring = self.ring(in_place=True)
        first = ring.reserve(RINGS_BYTES - 8)
        with self.assertRaises(BlockingIOError) as caught:
            ring.reserve(8)
        self.assertIn("reserve", caught.exception.strerror)
        with self.assertRaises(TimeoutError):
            ring.reserve(8, timeout=0.05)
        first.submit()
        thread = threading.Thread(target=lambda: (time.sleep(0.1), ring.consume()))
        thread.start()
        ring.reserve(8, timeout=30).submit()
        thread.join()

    def test_reservations_are_refused_where_records_are_copied(self):
        with self.assertRaises(PermissionError) as caught:
            self.ring().reserve(8)
        self.assertIn("IN_PLACE", caught.exception.strerror)

    def test_taken_records_are_shown_in_place_until_released(self):
        ring = self.ring()
        ring.output_batch([b"one", b"two"])
        with ring.take() as records:
            self.assertEqual([bytes(record) for record in records], [b"one", b"two"])
            self.assertTrue(records[0].readonly)
            self.assertEqual(ring.stat().read, 0)
        with self.assertRaises(ValueError):
            records[0][0]
        self.assertEqual(ring.stat().read, 2)

    def test_a_record_that_was_kept_outlives_the_ring(self):
        ring = self.ring()
        ring.output(b"one")
        with ring.take() as records:
            kept = records[0][1:]
            ring.close()
        self.assertEqual(bytes(kept), b"ne")
        del kept, records
        gc.collect()
        self.assertEqual(mappings(), [])

    def test_wait_tells_what_there_is(self):
        ring = self.ring()
        self.assertEqual(ring.wait(0), 0)
        self.assertEqual(ring.wait(0.01), 0)
        self.assertEqual(ring.wait(0, select.POLLOUT), select.POLLOUT)
        ring.output(b"one")
        self.assertEqual(ring.wait(), select.POLLIN)
        with self.assertRaises(OSError):
            ring.wait(0, select.POLLPRI)

    def test_a_wait_goes_on_after_a_signal(self):
        ring = self.ring()
        came = []
        before = signal.signal(signal.SIGALRM, lambda *_: came.append(1))
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        self.assertEqual(ring.wait(0.3), 0)
        self.assertEqual(came, [1])

    def test_a_wait_ends_by_a_signal_whose_handler_raises(self):
        def handler(*_):
            raise KeyboardInterrupt

        ring = self.ring()
        before = signal.signal(signal.SIGALRM, handler)
        self.addCleanup(signal.signal, signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        self.assertRaises(KeyboardInterrupt, ring.wait)
        ring.output(b"x" * (RINGS_BYTES - 8))
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        self.assertRaises(KeyboardInterrupt, ring.output, b"x", None)

    def test_policy_and_flush_say_when_to_wake(self):
        ring = self.ring()
        ring.set_policy(bytes=1024, records=3, delay=1)
        stat = ring.stat()
        self.assertEqual((stat.wake_bytes, stat.wake_records, stat.wake_delay_us),
                         (1024, 3, 1000000))
        ring.set_policy()
        ring.output(b"one", flags=karena.NO_WAKEUP)
        ring.flush()
        self.assertEqual(ring.wait(0), select.POLLIN)

    def test_iterating_ends_with_the_last_producer(self):
        ring = self.ring(end=True)
        producers = ring.reopen(karena.Right.PRODUCE)
        ring.restrict(karena.Right.MAP | karena.Right.CONSUME)

        def child():
            for number in range(5000):
                producers.output(b"%d" % number, timeout=None)

        pid = os.fork()
        if not pid:
            child()
            os._exit(0)
        producers.close()
        self.assertEqual([int(record) for record in ring], list(range(5000)))
        os.waitpid(pid, 0)

    def test_another_process_is_not_the_consumer(self):
        ring = self.ring()
        ring.output(b"one")
        ring.consume()

        def child():
            try:
                ring.attach(consume=True)
            except OSError as error:
                if error.errno != errno.EBUSY:
                    sys.exit(3)
            else:
                sys.exit(4)
            try:
                ring.consume()
            except OSError as error:
                sys.exit(0 if error.errno == errno.EBUSY else 2)
            sys.exit(1)

        self.assertEqual(in_child(child), 0)

    def test_it_stands_in_a_selector_beside_others(self):
        one, two = self.ring(), self.ring()
        epoll = select.epoll()
        with epoll:
            epoll.register(one, select.EPOLLIN)
            epoll.register(two, select.EPOLLIN)
            two.output(b"two")
            self.assertEqual(epoll.poll(), [(two.fileno(), select.EPOLLIN)])


class Examples(unittest.TestCase):
    def test_first_says_hello(self):
        said = subprocess.run([sys.executable, "first.py"], stdout=subprocess.PIPE, check=True,
                              text=True).stdout
        self.assertRegex(said, r"^hello from \d+\n$")


sys.exit(tap.main(sys.modules[__name__]))
