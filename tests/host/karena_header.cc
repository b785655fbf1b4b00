// SPDX-License-Identifier: GPL-2.0-only
/*
 * The library's header in C++: every call is there under its C name, with the
 * types that a C++ program passes, and what needs no kernel works.
 */
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <karena.h>

static int failed;
static int number;

static void check(const char *name, bool good)
{
	std::printf("%sok %d %s\n", good ? "" : "not ", ++number, name);
	if (!good)
		failed = 1;
}

static int record(void *context, const void *data, size_t length)
{
	static_cast<void>(data);
	*static_cast<size_t *>(context) += length;
	return 0;
}

/* Links if every call is there; not run, as it would need the module. */
static int use_all(const char *path)
{
	struct karena_arena_opts arena_opts = {};
	struct karena_view_opts view_opts = {};
	struct karena_alloc_opts alloc_opts = {};
	struct karena_commit_opts commit_opts = {};
	struct karena_ring_opts ring_opts = {};
	struct karena_arena_stat arena_stat = {};
	struct karena_ring_stat ring_stat = {};
	struct karena_dynptr dynptr = {}, clone = {};
	char copied[8];
	struct karena_query query = {};
	struct karena_arena_range range = {};
	struct karena_record records[2] = {};
	struct karena_ring_walk there = {};
	struct karena_view view = {};
	karena_device *device = nullptr;
	karena_arena *arena = nullptr, *arena2 = nullptr;
	karena_ring *ring = nullptr, *ring2 = nullptr;
	karena_walk *walk = nullptr;
	uint64_t offset = 0;
	size_t bytes = 0;
	int ret = karena_open(path, &device);

	ret |= karena_query(device, &query) | karena_device_fd(device);
	ret |= karena_arena_create(device, 1 << 20, &arena_opts, &arena);
	ret |= karena_arena_from_fd(karena_arena_fd(arena), &arena2);
	ret |= karena_arena_reopen(arena, KARENA_RIGHT_MAP, &arena2);
	ret |= karena_arena_restrict(arena, KARENA_RIGHTS_ARENA);
	ret |= karena_arena_map(arena, &view_opts, &view) | karena_view_unmap(&view);
	ret |= karena_arena_alloc(arena, 1, &alloc_opts, &offset);
	ret |= karena_arena_free(arena, offset, 1, KARENA_FREE_F_STRICT);
	ret |= karena_arena_reserve(arena, 0, 1) | karena_arena_guard(arena, 0, 1);
	ret |= karena_arena_commit(arena, 0, 1, &commit_opts);
	ret |= karena_arena_decommit(arena, 0, 1) | karena_arena_stat(arena, &arena_stat);
	ret |= karena_walk_new(arena, 0, &walk) | karena_walk_next(walk, &range);
	ret |= karena_arena_length(arena) % karena_arena_page_size(arena) != 0;
	karena_walk_free(walk);
	karena_arena_close(arena);

	ret |= karena_ring_create(device, 4096, &ring_opts, &ring);
	ret |= karena_ring_from_fd(karena_ring_fd(ring), &ring2);
	ret |= karena_ring_reopen(ring, KARENA_RIGHT_CONSUME, &ring2);
	ret |= karena_ring_restrict(ring, KARENA_RIGHTS_RING);
	ret |= karena_ring_stat(ring, &ring_stat) | karena_ring_wait(ring, 1, 0);
	ret |= karena_ring_output(ring, "x", 1, KARENA_RING_NO_WAKEUP);
	ret |= karena_ring_submit(ring, karena_ring_reserve(ring, 8), 0);
	ret |= karena_ring_discard(ring, karena_ring_reserve(ring, 8), 0);
	ret |= karena_ring_reserve_dynptr(ring, 8, &dynptr);
	ret |= karena_dynptr_write(&dynptr, 0, path, 1);
	ret |= karena_dynptr_read(&dynptr, 0, copied, 1);
	ret |= karena_dynptr_adjust(&dynptr, 0, 1);
	ret |= !karena_dynptr_slice(&dynptr, 0, karena_dynptr_size(&dynptr));
	karena_dynptr_clone(&dynptr, &clone);
	ret |= !karena_dynptr_slice_const(&clone, 0, 1);
	ret |= karena_dynptr_is_null(&clone) || !karena_dynptr_is_read_only(&clone);
	ret |= karena_ring_submit_dynptr(&dynptr, 0);
	ret |= karena_ring_discard_dynptr(&dynptr, 0);
	ret |= karena_ring_consume(ring, record, &bytes, 0);
	ret |= karena_ring_take(ring, records, 2) | (karena_ring_data_bytes(ring) == 0);
	karena_ring_release(ring);
	ret |= karena_ring_walk_begin(ring, &there) |
	       karena_ring_walk_next(&there, records);
	karena_ring_walk_end(ring, &there);
	ret |= karena_send_fd(1, karena_ring_fd(ring)) | karena_recv_fd(1);
	karena_ring_close(ring);
	karena_close(device);
	return ret;
}

/* Has the size, KARENA_NODE_ANY as its node if it has one, and is zero otherwise? */
template<typename T> static bool is_initialised(const T &given, bool on_any_node)
{
	unsigned char bytes[sizeof(T)];
	size_t set = 0;

	std::memcpy(bytes, &given, sizeof(T));
	for (unsigned char byte : bytes)
		set += byte != 0;
	return given.size == sizeof(T) && set == (on_any_node ? 5u : 1u);
}

static bool initialisers_are_right()
{
	struct karena_ring_opts ring_opts = KARENA_RING_OPTS_INIT;
	struct karena_vmr_source source = KARENA_VMR_SOURCE_INIT;
	struct karena_arena_alloc alloc = KARENA_ARENA_ALLOC_INIT;
	struct karena_query query = KARENA_QUERY_INIT;

	/* Has padding, which a copy need not keep. */
	return ring_opts.size == sizeof(ring_opts) && !ring_opts.name && !ring_opts.flags &&
	       !ring_opts.on_node && is_initialised(source, false) &&
	       is_initialised(alloc, true) && is_initialised(query, false) &&
	       alloc.node == KARENA_NODE_ANY;
}

int main(int argc, char **)
{
	char memory[16];
	struct karena_view view = { memory, 4096, sizeof(memory) };
	karena_device *device = nullptr;

	std::printf("1..5\n");
	/* Never so; the compiler need not know. */
	if (argc < 0)
		return use_all("/dev/null");
	check("open_tells_why_it_fails",
	      karena_open("/dev/no-such-device", &device) == -ENOENT && !device);
	check("view_ptr_and_view_offset_are_inverse",
	      karena_view_ptr(&view, 4100, 4) == memory + 4 &&
	      karena_view_offset(&view, memory + 4) == 4100);
	check("view_ptr_is_null_outside", karena_view_ptr(&view, 4100, 13) == nullptr);
	check("close_takes_null",
	      (karena_close(nullptr), karena_arena_close(nullptr), karena_ring_close(nullptr),
	       karena_walk_free(nullptr), true));
	check("initialisers_set_the_size_and_the_default_node", initialisers_are_right());
	return failed;
}
