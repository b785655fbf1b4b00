# SPDX-License-Identifier: LGPL-2.1-only OR MIT
"""Arenas and rings of the karena module, over libkarena.

    import karena

    with karena.Device() as device:
        arena = device.create_arena(1 << 40)
        ring = device.create_ring(65536)
        with arena.map() as view:
            offset = arena.alloc()
            view.at(offset, 5)[:] = b"hello"
        ring.output(b"a record")
        print(ring.consume())

A call that fails raises OSError, or the subclass that Python has for the errno, such as
BlockingIOError for EAGAIN, TimeoutError for ETIMEDOUT and PermissionError for EPERM and
EACCES. Its strerror is karena_errormsg(): the argument, its value and the rule that it
broke. The manual pages libkarena(3), karena_arenas(3), karena_rings(3) and
karena_consuming(3) say when each call fails.

Times are seconds, as everywhere in Python: 0 does not wait, None waits for as long as it
takes. A wait goes on after a signal whose handler does not raise.

Device, Arena, Ring, View and Reservation are context managers and have close(), which may
be called twice. Memory that memoryviews still show is unmapped when the last of them is
gone, so a memoryview that was kept cannot hit what came later at its address.

Any number of threads may use a Device or an Arena at once, and produce into one Ring. Only
one at a time may consume from a Ring. Calls release the interpreter's lock.

A child of os.fork() may use the objects that it inherits, but has to map its own views
unless the arena was created with inherit=True, and may not finish its parent's
reservations. What libkarena has beyond this module: dynptrs, reservations of address space
(karena_vmr(3)), and io_uring.
"""

import collections
import ctypes
import enum
import errno
import os
import select
import sys
import time
import types
import weakref

__all__ = ["Arena", "Device", "Kind", "ObjectEntry", "PageState", "Range", "Reservation", "Right", "Ring", "View",
           "FORCE_WAKEUP", "NO_WAKEUP", "recv_fd", "send_fd", "version"]

_NAME_LEN = 16
_NO_LIMIT = 0xffffffff

_ARENA_F_SEGV_ON_FAULT = 0x1
_ARENA_F_FIXED_ADDR = 0x2
_ARENA_F_INHERIT = 0x4
_ALLOC_F_FIXED = 0x1
_ALLOC_F_LAZY = 0x2
_COMMIT_F_LAZY = 0x2
_FREE_F_STRICT = 0x1
_STAT_F_PINNED = 0x1
_ATTACH_F_CONSUME = 0x1
_RING_F_IN_PLACE = 0x1
_RING_F_END = 0x2
_PROT_READ = 0x1
_PROT_WRITE = 0x2

#: Flag of calls that finish records: wake nobody now.
NO_WAKEUP = 0x1
#: Likewise: wake all waiters, even those that were woken and have not looked yet.
FORCE_WAKEUP = 0x2


class Right(enum.IntFlag):
    """Rights of an open file, for reopen() and restrict()."""

    MAP = 0x1
    MAP_WRITE = 0x2
    ALLOC = 0x4
    FREE = 0x8
    PRODUCE = 0x10
    CONSUME = 0x20


class PageState(enum.IntEnum):
    """State of the pages of a Range. Pages that no range covers are free."""

    FREE = 0
    ALLOCATED = 1
    RESERVED = 2
    GUARD = 3


class Kind(enum.IntEnum):
    """Kind of an object, in an ObjectEntry."""

    ARENA = 1
    RING = 2


ObjectEntry = collections.namedtuple(
    "ObjectEntry", "id ino length bytes nr_references kind uid pid nr_files nr_kernel "
    "nr_parked name")
ObjectEntry.__doc__ = "An arena or ring that somebody has, of Device.objects()."

Range = collections.namedtuple("Range", "offset nr_pages nr_populated nr_pinned state")
Range.__doc__ = "Pages of an arena that are in one state, of Arena.walk()."


class _Sized(ctypes.Structure):
    """A struct that begins with its own size."""

    def __init__(self, **fields):
        super().__init__(size=ctypes.sizeof(self), **fields)


class _ArenaOpts(_Sized):
    _fields_ = [("size", ctypes.c_size_t), ("name", ctypes.c_char_p),
                ("flags", ctypes.c_uint32), ("fault_pages", ctypes.c_uint32),
                ("address", ctypes.c_uint64), ("node", ctypes.c_int32),
                ("on_node", ctypes.c_bool), ("use_page_0", ctypes.c_bool)]


class _ViewOpts(_Sized):
    _fields_ = [("size", ctypes.c_size_t), ("offset", ctypes.c_uint64),
                ("length", ctypes.c_uint64), ("address", ctypes.c_void_p),
                ("prot", ctypes.c_int)]


class _View(ctypes.Structure):
    _fields_ = [("address", ctypes.c_void_p), ("offset", ctypes.c_uint64),
                ("length", ctypes.c_size_t)]


class _AllocOpts(_Sized):
    _fields_ = [("size", ctypes.c_size_t), ("offset", ctypes.c_uint64),
                ("align", ctypes.c_uint64), ("flags", ctypes.c_uint32),
                ("node", ctypes.c_int32), ("on_node", ctypes.c_bool)]


class _CommitOpts(_Sized):
    _fields_ = [("size", ctypes.c_size_t), ("flags", ctypes.c_uint32),
                ("node", ctypes.c_int32), ("on_node", ctypes.c_bool)]


class _RingOpts(_Sized):
    _fields_ = [("size", ctypes.c_size_t), ("name", ctypes.c_char_p),
                ("flags", ctypes.c_uint32), ("node", ctypes.c_int32),
                ("on_node", ctypes.c_bool), ("reserve_timeout_us", ctypes.c_uint32)]


class _Record(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class _Query(_Sized):
    _fields_ = [("size", ctypes.c_uint32), ("flags", ctypes.c_uint32),
                ("out_abi_version", ctypes.c_uint32), ("out_page_size", ctypes.c_uint32),
                ("out_features", ctypes.c_uint64), ("out_arena_flags", ctypes.c_uint32),
                ("out_ring_flags", ctypes.c_uint32),
                ("out_arena_max_bytes", ctypes.c_uint64),
                ("out_ring_max_bytes", ctypes.c_uint64),
                ("out_user_limit_bytes", ctypes.c_uint64),
                ("out_user_left_bytes", ctypes.c_uint64),
                ("out_parked_max", ctypes.c_uint64)]


class _ListEntry(ctypes.Structure):
    _fields_ = [("id", ctypes.c_uint64), ("ino", ctypes.c_uint64),
                ("length", ctypes.c_uint64), ("bytes", ctypes.c_uint64),
                ("nr_references", ctypes.c_uint64), ("kind", ctypes.c_uint32),
                ("uid", ctypes.c_uint32), ("pid", ctypes.c_int32),
                ("nr_files", ctypes.c_uint32), ("nr_kernel", ctypes.c_uint32),
                ("nr_parked", ctypes.c_uint32), ("name", ctypes.c_char * _NAME_LEN)]


class _ArenaStat(_Sized):
    _fields_ = [("size", ctypes.c_uint32), ("flags", ctypes.c_uint32),
                ("out_flags", ctypes.c_uint32), ("out_fault_pages", ctypes.c_uint32),
                ("out_length", ctypes.c_uint64), ("out_address", ctypes.c_uint64),
                ("out_allocated", ctypes.c_uint64), ("out_reserved", ctypes.c_uint64),
                ("out_guard", ctypes.c_uint64), ("out_populated", ctypes.c_uint64),
                ("out_populated_peak", ctypes.c_uint64), ("out_faults", ctypes.c_uint64),
                ("out_faults_mapped", ctypes.c_uint64),
                ("out_faults_segv", ctypes.c_uint64), ("out_faults_bus", ctypes.c_uint64),
                ("out_node", ctypes.c_int32), ("out_rights", ctypes.c_uint32),
                ("out_name", ctypes.c_char * _NAME_LEN), ("out_pinned", ctypes.c_uint64)]


class _ArenaRange(ctypes.Structure):
    _fields_ = [("offset", ctypes.c_uint64), ("nr_pages", ctypes.c_uint64),
                ("nr_populated", ctypes.c_uint64), ("nr_pinned", ctypes.c_uint64),
                ("state", ctypes.c_uint32), ("__reserved", ctypes.c_uint32)]


class _RingStat(_Sized):
    _fields_ = [("size", ctypes.c_uint32), ("flags", ctypes.c_uint32),
                ("out_flags", ctypes.c_uint32), ("out_rights", ctypes.c_uint32),
                ("out_data_bytes", ctypes.c_uint64), ("out_available", ctypes.c_uint64),
                ("out_consumer_position", ctypes.c_uint64),
                ("out_producer_position", ctypes.c_uint64),
                ("out_records", ctypes.c_uint64), ("out_submitted", ctypes.c_uint64),
                ("out_discarded", ctypes.c_uint64), ("out_lost_full", ctypes.c_uint64),
                ("out_lost_full_bytes", ctypes.c_uint64),
                ("out_lost_too_big", ctypes.c_uint64), ("out_lost_busy", ctypes.c_uint64),
                ("out_lost_dead", ctypes.c_uint64), ("out_wakeups", ctypes.c_uint64),
                ("out_name", ctypes.c_char * _NAME_LEN),
                ("out_wake_bytes", ctypes.c_uint32), ("out_wake_records", ctypes.c_uint32),
                ("out_wake_delay_us", ctypes.c_uint32),
                ("out_reserve_timeout_us", ctypes.c_uint32),
                ("out_lost_too_big_bytes", ctypes.c_uint64),
                ("out_lost_busy_bytes", ctypes.c_uint64),
                ("out_lost_dead_bytes", ctypes.c_uint64),
                ("out_lost_timeout", ctypes.c_uint64),
                ("out_lost_timeout_bytes", ctypes.c_uint64),
                ("out_read", ctypes.c_uint64), ("out_fill_most", ctypes.c_uint64),
                ("out_unread_us", ctypes.c_uint64)]


_lib = ctypes.CDLL("libkarena.so.1", use_errno=True)


def _function(name, result, *arguments):
    function = getattr(_lib, "karena_" + name)
    function.restype = result
    function.argtypes = arguments
    return function


_int, _u32, _u64 = ctypes.c_int, ctypes.c_uint32, ctypes.c_uint64
_size, _void, _text = ctypes.c_size_t, ctypes.c_void_p, ctypes.c_char_p
_out = ctypes.POINTER

_version = _function("version", _text)
_errormsg = _function("errormsg", _text)
_open = _function("open", _int, _text, _out(_void))
_close = _function("close", None, _void)
_device_fd = _function("device_fd", _int, _void)
_query = _function("query", _int, _void, _out(_Query))
_list = _function("list", _int, _void, _u64, _out(_ListEntry), _size)
_send_fd = _function("send_fd", _int, _int, _int)
_recv_fd = _function("recv_fd", _int, _int)
_arena_create = _function("arena_create", _int, _void, _u64, _out(_ArenaOpts), _out(_void))
_arena_from_fd = _function("arena_from_fd", _int, _int, _out(_void))
_arena_reopen = _function("arena_reopen", _int, _void, _u32, _out(_void))
_arena_restrict = _function("arena_restrict", _int, _void, _u32)
_arena_close = _function("arena_close", None, _void)
_arena_fd = _function("arena_fd", _int, _void)
_arena_length = _function("arena_length", _u64, _void)
_arena_page_size = _function("arena_page_size", _size, _void)
_arena_map = _function("arena_map", _int, _void, _out(_ViewOpts), _out(_View))
_view_unmap = _function("view_unmap", _int, _out(_View))
_arena_alloc = _function("arena_alloc", _int, _void, _u64, _out(_AllocOpts), _out(_u64))
_arena_free = _function("arena_free", _int, _void, _u64, _u64, _u32)
_arena_reserve = _function("arena_reserve", _int, _void, _u64, _u64)
_arena_guard = _function("arena_guard", _int, _void, _u64, _u64)
_arena_commit = _function("arena_commit", _int, _void, _u64, _u64, _out(_CommitOpts))
_arena_decommit = _function("arena_decommit", _int, _void, _u64, _u64)
_arena_stat = _function("arena_stat", _int, _void, _out(_ArenaStat))
_walk_new = _function("walk_new", _int, _void, _u64, _out(_void))
_walk_next = _function("walk_next", _int, _void, _out(_ArenaRange))
_walk_free = _function("walk_free", None, _void)
_ring_create = _function("ring_create", _int, _void, _u64, _out(_RingOpts), _out(_void))
_ring_from_fd = _function("ring_from_fd", _int, _int, _out(_void))
_ring_reopen = _function("ring_reopen", _int, _void, _u32, _out(_void))
_ring_restrict = _function("ring_restrict", _int, _void, _u32)
_ring_close = _function("ring_close", None, _void)
_ring_fd = _function("ring_fd", _int, _void)
_ring_data_bytes = _function("ring_data_bytes", _u64, _void)
_ring_attach = _function("ring_attach", _int, _void, _u32)
_ring_stat = _function("ring_stat", _int, _void, _out(_RingStat))
_ring_wait = _function("ring_wait", _int, _void, _int, _int)
_ring_output = _function("ring_output", _int, _void, _text, _size, _u32)
_ring_output_wait = _function("ring_output_wait", _int, _void, _text, _size, _u32, _u32)
_ring_output_batch = _function("ring_output_batch", _int, _void, _text, _size, _u32)
_ring_reserve = _function("ring_reserve", _void, _void, _size)
_ring_reserve_wait = _function("ring_reserve_wait", _void, _void, _size, _u32)
_ring_submit = _function("ring_submit", _int, _void, _void, _u32)
_ring_submit_trimmed = _function("ring_submit_trimmed", _int, _void, _void, _size, _u32)
_ring_discard = _function("ring_discard", _int, _void, _void, _u32)
_ring_flush = _function("ring_flush", _int, _void)
_ring_set_policy = _function("ring_set_policy", _int, _void, _u32, _u32, _u32)
_ring_take = _function("ring_take", _int, _void, _out(_Record), ctypes.c_uint)
_ring_release = _function("ring_release", None, _void)


def _error(number):
    # OSError picks the subclass for the errno.
    return OSError(number, _errormsg().decode())


def _check(result):
    """Return the result of a call, or raise why it failed."""
    if result < 0:
        raise _error(-result)
    return result


def _created(call, *arguments):
    """Return the pointer that a call stores into its last argument."""
    pointer = _void()
    _check(call(*arguments, ctypes.byref(pointer)))
    return pointer


def _name(name):
    return None if name is None else os.fsencode(name)


def _report(struct):
    """Turn the outputs of a struct into a namespace, without their prefix."""
    fields = {}
    for name, *_ in struct._fields_:
        if name.startswith("out_"):
            value = getattr(struct, name)
            fields[name[4:]] = value.decode() if isinstance(value, bytes) else value
    if "rights" in fields:
        fields["rights"] = Right(fields["rights"])
    return types.SimpleNamespace(**fields)


def _node(node):
    return {} if node is None else {"node": node, "on_node": True}


def _memory(address, length, owner, write=True):
    """Show memory that stays as it is at least until nobody refers to owner."""
    array = (ctypes.c_char * length).from_address(address)
    array.owner = owner
    view = memoryview(array).cast("B")
    return view if write else view.toreadonly()


class _Deadline:
    """Times for calls that take microseconds, of which 0 has no limit."""

    def __init__(self, timeout):
        self.end = None if timeout is None else time.monotonic() + timeout

    def left_us(self):
        if self.end is None:
            return 0
        left = self.end - time.monotonic()
        return max(1, min(int(left * 1000000), _NO_LIMIT))

    def left_ms(self):
        if self.end is None:
            return -1
        left = self.end - time.monotonic()
        return max(0, min(int(left * 1000 + 0.999), 0x7fffffff))

    def passed(self):
        return self.end is not None and time.monotonic() >= self.end


class _Handle:
    """A handle of the library, closed when nobody refers to it any more."""

    def __init__(self, pointer, close):
        self.pointer = pointer
        weakref.finalize(self, close, pointer)


class _Object:
    """What Device, Arena and Ring have in common."""

    _handle = None

    def __init__(self):
        raise TypeError("use the methods of Device, or from_fd()")

    @classmethod
    def _of(cls, pointer):
        self = cls.__new__(cls)
        self._handle = _Handle(pointer, cls._closer)
        return self

    @property
    def _pointer(self):
        if self._handle is None:
            raise ValueError("it is closed")
        return self._handle.pointer

    @property
    def closed(self):
        """Whether close() was called."""
        return self._handle is None

    def close(self):
        """Close the handle. Other handles, views and processes keep the object."""
        self._handle = None

    def fileno(self):
        """Return the descriptor, which the handle keeps."""
        return self._get_fd(self._pointer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Device(_Object):
    """The device, of which arenas and rings are made. They live on when it is closed."""

    _closer = _close
    _get_fd = staticmethod(_device_fd)

    def __init__(self, path=None):
        """Open the device node at path, or karena's own."""
        path = None if path is None else os.fsencode(path)
        self._handle = _Handle(_created(_open, path), _close)

    def query(self):
        """Return features, limits, and what is left of the user's limit."""
        query = _Query()
        _check(_query(self._pointer, query))
        return _report(query)

    def objects(self):
        """Go through the objects that the caller may know of, as ObjectEntry.

        They are those of the caller's own user, and all of them for root.
        """
        found = (_ListEntry * 64)()
        after = 0
        while nr := _check(_list(self._pointer, after, found, len(found))):
            for entry in found[:nr]:
                fields = {name: getattr(entry, name) for name in ObjectEntry._fields}
                fields.update(kind=Kind(entry.kind), name=entry.name.decode())
                yield ObjectEntry(**fields)
            after = found[nr - 1].id

    def create_arena(self, length, *, name=None, segv_on_fault=False, fixed_addr=False,
                     inherit=False, fault_pages=0, address=0, node=None, use_page_0=False):
        """Make an arena of length bytes, a multiple of the page size.

        segv_on_fault: a touch of a page that is not allocated raises SIGSEGV
        fixed_addr: every process maps it at one address: address, or that of its first view
        inherit: children of os.fork() inherit its views
        fault_pages: pages populated around a touched one, 1 to 64
        node: NUMA node of the pages
        use_page_0: alloc() may return offset 0, which otherwise can stand for none
        """
        flags = ((_ARENA_F_SEGV_ON_FAULT if segv_on_fault else 0) |
                 (_ARENA_F_FIXED_ADDR if fixed_addr else 0) |
                 (_ARENA_F_INHERIT if inherit else 0))
        opts = _ArenaOpts(name=_name(name), flags=flags, fault_pages=fault_pages,
                          address=address, use_page_0=use_page_0, **_node(node))
        return Arena._of(_created(_arena_create, self._pointer, length, opts))

    def create_ring(self, data_bytes, *, name=None, in_place=False, end=False, node=None,
                    reserve_timeout=0):
        """Make a ring with room for data_bytes, a power of two of at least a page.

        in_place: producers reserve records and fill them in the ring's memory
        end: the ring ends with its last producer; see Ring.__iter__()
        reserve_timeout: seconds for which a reservation may hold up the consumer
        """
        flags = (_RING_F_IN_PLACE if in_place else 0) | (_RING_F_END if end else 0)
        opts = _RingOpts(name=_name(name), flags=flags, **_node(node),
                         reserve_timeout_us=int(reserve_timeout * 1000000))
        return Ring._of(_created(_ring_create, self._pointer, data_bytes, opts))


class Arena(_Object):
    """Sparse shared memory, whose pages have a state each."""

    _closer = _arena_close
    _get_fd = staticmethod(_arena_fd)

    @classmethod
    def from_fd(cls, fd):
        """Make a handle of an arena's descriptor, which belongs to it from then on."""
        return cls._of(_created(_arena_from_fd, fd))

    @property
    def length(self):
        """Size in bytes."""
        return _arena_length(self._pointer)

    @property
    def page_size(self):
        """Size of a page in bytes."""
        return _arena_page_size(self._pointer)

    def reopen(self, rights):
        """Make a second handle, which has just these rights."""
        return Arena._of(_created(_arena_reopen, self._pointer, rights))

    def restrict(self, rights):
        """Give up all rights but these, for all duplicates of the descriptor."""
        _check(_arena_restrict(self._pointer, rights))

    def map(self, offset=0, length=0, *, address=None, write=True):
        """Map a window, by default up to the end of the arena, and return a View."""
        prot = _PROT_READ | (_PROT_WRITE if write else 0)
        opts = _ViewOpts(offset=offset, length=length, address=address, prot=prot)
        view = _View()
        inherits = bool(self.stat().flags & _ARENA_F_INHERIT)
        _check(_arena_map(self._pointer, opts, view))
        return View._of(view, write, inherits)

    def alloc(self, nr_pages=1, *, offset=0, fixed=False, align=0, lazy=False, node=None):
        """Allocate an extent of zeroed pages, all or none, and return its offset.

        offset: with fixed the place, else where the search begins
        align: bytes, a power of two of at least a page
        lazy: pages take memory when they are touched
        """
        flags = (_ALLOC_F_FIXED if fixed else 0) | (_ALLOC_F_LAZY if lazy else 0)
        opts = _AllocOpts(offset=offset, align=align, flags=flags, **_node(node))
        at = _u64()
        _check(_arena_alloc(self._pointer, nr_pages, opts, at))
        return at.value

    def free(self, offset, nr_pages=1, *, strict=False):
        """Make pages free. They are gone from every process's memory on return.

        strict: fail if one of them is not allocated, and change nothing
        """
        _check(_arena_free(self._pointer, offset, nr_pages, _FREE_F_STRICT if strict else 0))

    def reserve(self, offset, nr_pages=1):
        """Reserve free pages, so that alloc() leaves them alone."""
        _check(_arena_reserve(self._pointer, offset, nr_pages))

    def guard(self, offset, nr_pages=1):
        """Make free pages guard pages: touching one raises SIGSEGV."""
        _check(_arena_guard(self._pointer, offset, nr_pages))

    def commit(self, offset, nr_pages=1, *, lazy=False, node=None):
        """Turn reserved pages into allocated ones, in one step."""
        opts = _CommitOpts(flags=_COMMIT_F_LAZY if lazy else 0, **_node(node))
        _check(_arena_commit(self._pointer, offset, nr_pages, opts))

    def decommit(self, offset, nr_pages=1):
        """Turn allocated pages into reserved ones, in one step. They lose their contents."""
        _check(_arena_decommit(self._pointer, offset, nr_pages))

    def stat(self, *, pinned=False):
        """Return counters and properties.

        pinned: count pinned pages, too, which visits every populated page
        """
        stat = _ArenaStat(flags=_STAT_F_PINNED if pinned else 0)
        _check(_arena_stat(self._pointer, stat))
        return _report(stat)

    def walk(self, offset=0):
        """Go through the ranges of pages that are not free, in order, as Range."""
        handle = self._handle
        walk = _Handle(_created(_walk_new, self._pointer, offset), _walk_free)
        found = _ArenaRange()
        # The arena stays open until the walk is freed.
        while handle and _check(_walk_next(walk.pointer, found)):
            yield Range(found.offset, found.nr_pages, found.nr_populated, found.nr_pinned,
                        PageState(found.state))


class _Mapping:
    """A window of an arena in this process's memory, unmapped when nobody refers to it."""

    def __init__(self, view, inherits):
        self.pid = os.getpid()
        self.inherits = inherits
        self.view = view
        # The process's end unmaps all.
        weakref.finalize(self, self.unmap, view, self.pid, inherits).atexit = False

    @staticmethod
    def unmap(view, pid, inherits):
        # In a child something else may be there.
        if inherits or pid == os.getpid():
            _view_unmap(view)

    def is_here(self):
        return self.inherits or self.pid == os.getpid()


class View:
    """A window of an arena in this process's memory.

    address: of the first byte
    offset: of the first byte in the arena
    length: bytes
    """

    _mapping = None

    def __init__(self):
        raise TypeError("use Arena.map()")

    @classmethod
    def _of(cls, view, write, inherits):
        self = cls.__new__(cls)
        self._mapping = _Mapping(view, inherits)
        self._write = write
        self.address = view.address
        self.offset = view.offset
        self.length = view.length
        return self

    def _mapped(self):
        if self._mapping is None:
            raise ValueError("the view is closed")
        if not self._mapping.is_here():
            raise ValueError("the view is the parent's: map the arena in the child")
        return self._mapping

    @property
    def memory(self):
        """All of the window, as a memoryview of bytes."""
        return _memory(self.address, self.length, self._mapped(), self._write)

    def at(self, offset, length):
        """Show length bytes at an offset in the arena, as a memoryview.

        Raises IndexError unless all of them are in the window, so an offset that was found
        in shared memory needs no other check.
        """
        at = offset - self.offset
        if at < 0 or length < 0 or at + length > self.length:
            raise IndexError(f"{length} bytes at {offset} are not in the view")
        return _memory(self.address + at, length, self._mapped(), self._write)

    @property
    def closed(self):
        """Whether close() was called."""
        return self._mapping is None

    def close(self):
        """Unmap the window, once no memoryview of it is left. Its pages stay as they are."""
        self._mapping = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Reservation:
    """A record that is filled in place, of Ring.reserve().

    As a context manager it is submitted at the end, or discarded if there was an exception.
    """

    def __init__(self, ring, address, length):
        self._ring = ring
        self._address = address
        self.memory = _memory(address, length, ring._handle)

    @property
    def closed(self):
        """Whether it was submitted or discarded."""
        return self._address is None

    def _finish(self, call, *arguments):
        if self._address is None:
            raise ValueError("the record was finished before")
        result = call(self._ring._pointer, self._address, *arguments)
        # A record that timed out is lost; after any other failure it is still open.
        if result >= 0 or result == -errno.ESTALE:
            self._address = None
            self.memory.release()
        _check(result)

    def submit(self, length=None, flags=0):
        """Hand the record, or its first length bytes, to the consumer.

        Its memory must not be written any more, and self.memory cannot be.
        """
        if length is None:
            self._finish(_ring_submit, flags)
        else:
            self._finish(_ring_submit_trimmed, length, flags)

    def discard(self, flags=0):
        """Have the consumer pass over the record."""
        self._finish(_ring_discard, flags)

    def close(self):
        """Discard the record unless it was submitted or discarded."""
        if self._address is not None:
            self.discard()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if self._address is None:
            return
        if kind is None:
            self.submit()
        else:
            self.discard()


class _Taken:
    """Records in the ring's memory, of Ring.take()."""

    def __init__(self, ring, max):
        self._ring = ring
        self._records = [_memory(record.data, record.length, ring._handle, False)
                         for record in ring._take(max)]

    def __enter__(self):
        return self._records

    def __exit__(self, *_):
        for record in self._records:
            record.release()
        if not self._ring.closed:
            _ring_release(self._ring._pointer)


class Ring(_Object):
    """Records of any size, in order, from many producers to one consumer."""

    _closer = _ring_close
    _get_fd = staticmethod(_ring_fd)

    @classmethod
    def from_fd(cls, fd):
        """Make a handle of a ring's descriptor, which belongs to it from then on."""
        return cls._of(_created(_ring_from_fd, fd))

    @property
    def data_bytes(self):
        """Size of the data area. A record takes 8 bytes beside its payload's, rounded up to 8."""
        return _ring_data_bytes(self._pointer)

    def reopen(self, rights):
        """Make a second handle, which has just these rights."""
        return Ring._of(_created(_ring_reopen, self._pointer, rights))

    def restrict(self, rights):
        """Give up all rights but these, for all duplicates of the descriptor."""
        _check(_ring_restrict(self._pointer, rights))

    def attach(self, *, consume=False):
        """Become an owner of reservations, or the consumer.

        Calls that reserve or consume do so themselves. Call it before, where the first of
        them must be quick: it takes time in a process of many mappings.
        """
        _check(_ring_attach(self._pointer, _ATTACH_F_CONSUME if consume else 0))

    def stat(self):
        """Return fill, positions, counters, and losses by cause."""
        stat = _RingStat()
        _check(_ring_stat(self._pointer, stat))
        return _report(stat)

    def output(self, data, timeout=0, flags=0):
        """Send a record by copy.

        data: bytes, or what bytes() makes bytes of without changing them
        timeout: how long to wait for space. Without it a full ring raises BlockingIOError
        flags: NO_WAKEUP or FORCE_WAKEUP
        """
        data = bytes(memoryview(data))
        if timeout == 0:
            _check(_ring_output(self._pointer, data, len(data), flags))
            return
        deadline = _Deadline(timeout)
        while True:
            result = _ring_output_wait(self._pointer, data, len(data), flags,
                                       deadline.left_us())
            if not _again(result, deadline):
                _check(result)
                return

    def output_batch(self, records, flags=0):
        """Send several records by copy, in one call, and return how many were sent.

        To learn why it is not all of them, send the rest. Raises only if none was.
        """
        packed = b"".join(_packed(bytes(memoryview(record))) for record in records)
        return _check(_ring_output_batch(self._pointer, packed, len(packed), flags))

    def reserve(self, length, timeout=0):
        """Reserve a record of length bytes to be filled in place, and return a Reservation.

        The ring has to be created with in_place=True. timeout is as for output().
        """
        deadline = _Deadline(timeout)
        while True:
            if timeout == 0:
                address = _ring_reserve(self._pointer, length)
            else:
                address = _ring_reserve_wait(self._pointer, length, deadline.left_us())
            if address:
                return Reservation(self, address, length)
            error = ctypes.get_errno()
            if timeout == 0 or not _again(-error, deadline):
                raise _error(error)

    def flush(self):
        """Wake the waiters for records, also for those finished with NO_WAKEUP."""
        _check(_ring_flush(self._pointer))

    def set_policy(self, bytes=0, records=0, delay=0):
        """Set when finished records wake the waiters.

        bytes: wake when this many are there
        records: wake when this many were finished since the last wake-up
        delay: wake at most this many seconds after a record that woke nobody
        """
        _check(_ring_set_policy(self._pointer, bytes, records, int(delay * 1000000)))

    def wait(self, timeout=None, events=select.POLLIN):
        """Wait for a record (select.POLLIN), or until half of the ring is free (POLLOUT).

        Returns those of the events that hold, with select.POLLHUP if the ring has ended, or
        0 if the time is over.
        """
        deadline = _Deadline(timeout)
        while True:
            result = _ring_wait(self._pointer, events, deadline.left_ms())
            if result != -errno.EINTR:
                return _check(result)

    def consume(self, max=256):
        """Take up to max records that are there, and return them as a list of bytes.

        Never waits. The space of the records is given back.
        """
        records = [ctypes.string_at(record.data, record.length)
                   for record in self._take(max)]
        _ring_release(self._pointer)
        return records

    def _take(self, max):
        found = (_Record * max)()
        return found[:_check(_ring_take(self._pointer, found, max))]

    def take(self, max=256):
        """Take up to max records that are there without copying them.

        Returns a context manager, whose value is a list of memoryviews. At the end they
        are released, and so is the space of the records. Never waits.
        """
        return _Taken(self, max)

    def __iter__(self):
        """Go through records as bytes, and wait for further ones.

        Ends with a ring that was created with end=True: once no open file that may produce
        is left, neither this one, and all was taken.
        """
        while True:
            events = self.wait()
            records = self.consume()
            yield from records
            if not records and events & select.POLLHUP:
                return


def _again(result, deadline):
    """Is a call to be made again: after a signal, or as it took less time than it may?"""
    if result == -errno.EINTR:
        return not deadline.passed()
    return result == -errno.ETIMEDOUT and not deadline.passed()


def _packed(payload):
    header = len(payload).to_bytes(4, sys.byteorder) + bytes(4)
    return header + payload + bytes(-len(payload) % 8)


def send_fd(socket, fd):
    """Send the descriptor of an object over a connected UNIX socket, and keep it.

    Pass what reopen() made, which has just the rights that the receiver needs.
    """
    _check(_send_fd(_descriptor(socket), _descriptor(fd)))


def recv_fd(socket):
    """Receive a descriptor that send_fd() sent, for Arena.from_fd() or Ring.from_fd()."""
    return _check(_recv_fd(_descriptor(socket)))


def _descriptor(what):
    return what if isinstance(what, int) else what.fileno()


def version():
    """Return the version of libkarena."""
    return _version().decode()
