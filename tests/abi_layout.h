/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The contract in numbers: what is here once is never changed, only added to.
 */
#ifndef KARENA_TESTS_ABI_LAYOUT_H
#define KARENA_TESTS_ABI_LAYOUT_H

#include <assert.h>
#include <stddef.h>

#include <linux/karena.h>

#define IS(_name, _value)	static_assert((_name) == (_value), #_name)

#define SIZE(_struct, _bytes)	static_assert(sizeof(struct _struct) == (_bytes), #_struct)

#define FIELD(_struct, _field, _offset, _bytes)				\
	static_assert(offsetof(struct _struct, _field) == (_offset) &&	\
		       sizeof(((struct _struct *)0)->_field) == (_bytes),	\
		       #_struct "." #_field)

IS(KARENA_ABI_VERSION, 1);
IS(KARENA_NAME_LEN, 16);
IS(KARENA_FS_MAGIC, 0x6b61726e);
IS(KARENA_NODE_ANY, -1);

IS(KARENA_RIGHT_MAP, 0x01);
IS(KARENA_RIGHT_MAP_WRITE, 0x02);
IS(KARENA_RIGHT_ALLOC, 0x04);
IS(KARENA_RIGHT_FREE, 0x08);
IS(KARENA_RIGHT_PRODUCE, 0x10);
IS(KARENA_RIGHT_CONSUME, 0x20);
IS(KARENA_RIGHTS_ARENA, 0x0f);
IS(KARENA_RIGHTS_RING, 0x33);

IS(KARENA_FEAT_ARENA, 1);
IS(KARENA_FEAT_RING, 2);
IS(KARENA_FEAT_URING_CMD, 4);
IS(KARENA_FEAT_URING_WAIT, 8);
IS(KARENA_FEAT_URING_MULTISHOT, 0x10);
IS(KARENA_FEAT_URING_BUFFERS, 0x20);

IS(KARENA_IOC_QUERY, 0xbd00);
IS(KARENA_IOC_ARENA_CREATE, 0xbd01);
IS(KARENA_IOC_RING_CREATE, 0xbd02);
IS(KARENA_IOC_LIST, 0xbd03);
IS(KARENA_KIND_ARENA, 1);
IS(KARENA_KIND_RING, 2);
IS(KARENA_IOC_REOPEN, 0xbd10);
IS(KARENA_IOC_RESTRICT, 0xbd11);
IS(KARENA_IOC_ARENA_ALLOC, 0xbd20);
IS(KARENA_IOC_ARENA_FREE, 0xbd21);
IS(KARENA_IOC_ARENA_RESERVE, 0xbd22);
IS(KARENA_IOC_ARENA_COMMIT, 0xbd23);
IS(KARENA_IOC_ARENA_DECOMMIT, 0xbd24);
IS(KARENA_IOC_ARENA_STAT, 0xbd25);
IS(KARENA_IOC_ARENA_WALK, 0xbd26);
IS(KARENA_IOC_RING_RESERVE, 0xbd40);
IS(KARENA_IOC_RING_SUBMIT, 0xbd41);
IS(KARENA_IOC_RING_DISCARD, 0xbd42);
IS(KARENA_IOC_RING_OUTPUT, 0xbd43);
IS(KARENA_IOC_RING_STAT, 0xbd44);
IS(KARENA_IOC_RING_WAIT, 0xbd45);
IS(KARENA_IOC_RING_OUTPUT_BATCH, 0xbd46);
IS(KARENA_IOC_RING_RESERVE_BATCH, 0xbd47);
IS(KARENA_IOC_RING_FINISH_BATCH, 0xbd48);
IS(KARENA_IOC_RING_POLICY, 0xbd49);
IS(KARENA_IOC_RING_FLUSH, 0xbd4a);
IS(KARENA_IOC_RING_WAIT_CANCEL, 0xbd4b);
IS(KARENA_IOC_RING_ATTACH, 0xbd4c);
IS(KARENA_RING_WAIT_SPACE, 4);
IS(KARENA_RING_BATCH_MAX, 128);
IS(KARENA_RING_ENTRY_DISCARD, 1);

SIZE(karena_query, 72);
FIELD(karena_query, size, 0, 4);
FIELD(karena_query, flags, 4, 4);
FIELD(karena_query, out_abi_version, 8, 4);
FIELD(karena_query, out_page_size, 12, 4);
FIELD(karena_query, out_features, 16, 8);
FIELD(karena_query, out_arena_flags, 24, 4);
FIELD(karena_query, out_ring_flags, 28, 4);
FIELD(karena_query, out_arena_max_bytes, 32, 8);
FIELD(karena_query, out_ring_max_bytes, 40, 8);
FIELD(karena_query, out_user_limit_bytes, 48, 8);
FIELD(karena_query, out_user_left_bytes, 56, 8);
FIELD(karena_query, out_parked_max, 64, 8);

SIZE(karena_list_entry, 80);
FIELD(karena_list_entry, id, 0, 8);
FIELD(karena_list_entry, ino, 8, 8);
FIELD(karena_list_entry, length, 16, 8);
FIELD(karena_list_entry, bytes, 24, 8);
FIELD(karena_list_entry, nr_references, 32, 8);
FIELD(karena_list_entry, kind, 40, 4);
FIELD(karena_list_entry, uid, 44, 4);
FIELD(karena_list_entry, pid, 48, 4);
FIELD(karena_list_entry, nr_files, 52, 4);
FIELD(karena_list_entry, nr_kernel, 56, 4);
FIELD(karena_list_entry, nr_parked, 60, 4);
FIELD(karena_list_entry, name, 64, 16);

SIZE(karena_list, 40);
FIELD(karena_list, size, 0, 4);
FIELD(karena_list, flags, 4, 4);
FIELD(karena_list, buffer, 8, 8);
FIELD(karena_list, buffer_bytes, 16, 8);
FIELD(karena_list, after, 24, 8);
FIELD(karena_list, out_count, 32, 4);
FIELD(karena_list, __reserved, 36, 4);

SIZE(karena_rights, 16);
FIELD(karena_rights, size, 0, 4);
FIELD(karena_rights, flags, 4, 4);
FIELD(karena_rights, rights, 8, 4);
FIELD(karena_rights, __reserved, 12, 4);

IS(KARENA_ARENA_F_SEGV_ON_FAULT, 1);
IS(KARENA_ARENA_F_FIXED_ADDR, 2);
IS(KARENA_ARENA_F_INHERIT, 4);

SIZE(karena_arena_create, 48);
FIELD(karena_arena_create, size, 0, 4);
FIELD(karena_arena_create, flags, 4, 4);
FIELD(karena_arena_create, length, 8, 8);
FIELD(karena_arena_create, address, 16, 8);
FIELD(karena_arena_create, node, 24, 4);
FIELD(karena_arena_create, fault_pages, 28, 4);
FIELD(karena_arena_create, name, 32, 16);

IS(KARENA_ALLOC_F_FIXED, 1);
IS(KARENA_ALLOC_F_LAZY, 2);

SIZE(karena_arena_alloc, 48);
FIELD(karena_arena_alloc, size, 0, 4);
FIELD(karena_arena_alloc, flags, 4, 4);
FIELD(karena_arena_alloc, offset, 8, 8);
FIELD(karena_arena_alloc, nr_pages, 16, 8);
FIELD(karena_arena_alloc, align, 24, 8);
FIELD(karena_arena_alloc, node, 32, 4);
FIELD(karena_arena_alloc, __reserved, 36, 4);
FIELD(karena_arena_alloc, out_offset, 40, 8);

IS(KARENA_FREE_F_STRICT, 1);

SIZE(karena_arena_free, 32);
FIELD(karena_arena_free, size, 0, 4);
FIELD(karena_arena_free, flags, 4, 4);
FIELD(karena_arena_free, offset, 8, 8);
FIELD(karena_arena_free, nr_pages, 16, 8);
FIELD(karena_arena_free, out_done, 24, 8);

IS(KARENA_RESERVE_F_GUARD, 1);

SIZE(karena_arena_reserve, 24);
FIELD(karena_arena_reserve, size, 0, 4);
FIELD(karena_arena_reserve, flags, 4, 4);
FIELD(karena_arena_reserve, offset, 8, 8);
FIELD(karena_arena_reserve, nr_pages, 16, 8);

IS(KARENA_COMMIT_F_LAZY, 2);

SIZE(karena_arena_commit, 32);
FIELD(karena_arena_commit, size, 0, 4);
FIELD(karena_arena_commit, flags, 4, 4);
FIELD(karena_arena_commit, offset, 8, 8);
FIELD(karena_arena_commit, nr_pages, 16, 8);
FIELD(karena_arena_commit, node, 24, 4);
FIELD(karena_arena_commit, __reserved, 28, 4);

SIZE(karena_arena_decommit, 32);
FIELD(karena_arena_decommit, size, 0, 4);
FIELD(karena_arena_decommit, flags, 4, 4);
FIELD(karena_arena_decommit, offset, 8, 8);
FIELD(karena_arena_decommit, nr_pages, 16, 8);
FIELD(karena_arena_decommit, out_done, 24, 8);

SIZE(karena_arena_stat, 136);
FIELD(karena_arena_stat, size, 0, 4);
FIELD(karena_arena_stat, flags, 4, 4);
FIELD(karena_arena_stat, out_flags, 8, 4);
FIELD(karena_arena_stat, out_fault_pages, 12, 4);
FIELD(karena_arena_stat, out_length, 16, 8);
FIELD(karena_arena_stat, out_address, 24, 8);
FIELD(karena_arena_stat, out_allocated, 32, 8);
FIELD(karena_arena_stat, out_reserved, 40, 8);
FIELD(karena_arena_stat, out_guard, 48, 8);
FIELD(karena_arena_stat, out_populated, 56, 8);
FIELD(karena_arena_stat, out_populated_peak, 64, 8);
FIELD(karena_arena_stat, out_faults, 72, 8);
FIELD(karena_arena_stat, out_faults_mapped, 80, 8);
FIELD(karena_arena_stat, out_faults_segv, 88, 8);
FIELD(karena_arena_stat, out_faults_bus, 96, 8);
FIELD(karena_arena_stat, out_node, 104, 4);
FIELD(karena_arena_stat, out_rights, 108, 4);
FIELD(karena_arena_stat, out_name, 112, 16);
FIELD(karena_arena_stat, out_pinned, 128, 8);

IS(KARENA_PAGE_FREE, 0);
IS(KARENA_PAGE_ALLOCATED, 1);
IS(KARENA_PAGE_RESERVED, 2);
IS(KARENA_PAGE_GUARD, 3);

SIZE(karena_arena_range, 40);
FIELD(karena_arena_range, offset, 0, 8);
FIELD(karena_arena_range, nr_pages, 8, 8);
FIELD(karena_arena_range, nr_populated, 16, 8);
FIELD(karena_arena_range, nr_pinned, 24, 8);
FIELD(karena_arena_range, state, 32, 4);
FIELD(karena_arena_range, __reserved, 36, 4);

SIZE(karena_arena_walk, 48);
FIELD(karena_arena_walk, size, 0, 4);
FIELD(karena_arena_walk, flags, 4, 4);
FIELD(karena_arena_walk, buffer, 8, 8);
FIELD(karena_arena_walk, buffer_bytes, 16, 8);
FIELD(karena_arena_walk, offset, 24, 8);
FIELD(karena_arena_walk, out_count, 32, 4);
FIELD(karena_arena_walk, __reserved, 36, 4);
FIELD(karena_arena_walk, out_next, 40, 8);

IS(KARENA_RING_F_IN_PLACE, 1);
IS(KARENA_RING_F_END, 2);

IS(KARENA_RECORD_BUSY, 0x80000000);
IS(KARENA_RECORD_DISCARD, 0x40000000);
IS(KARENA_RECORD_LEN_MASK, 0x3fffffff);
IS(KARENA_RECORD_HEADER_BYTES, 8);

SIZE(karena_record_header, 8);
FIELD(karena_record_header, word, 0, 4);
FIELD(karena_record_header, __reserved, 4, 4);

SIZE(karena_ring_header, 88);
FIELD(karena_ring_header, header_bytes, 0, 4);
FIELD(karena_ring_header, record_header_bytes, 4, 4);
FIELD(karena_ring_header, features, 8, 8);
FIELD(karena_ring_header, data_bytes, 16, 8);
FIELD(karena_ring_header, consumer_offset, 24, 8);
FIELD(karena_ring_header, producer_offset, 32, 8);
FIELD(karena_ring_header, data_offset, 40, 8);
FIELD(karena_ring_header, map_bytes, 48, 8);
FIELD(karena_ring_header, lanes, 56, 4);
FIELD(karena_ring_header, flags, 60, 4);
FIELD(karena_ring_header, lane_stride, 64, 8);
FIELD(karena_ring_header, name, 72, 16);

SIZE(karena_ring_consumer, 8);
FIELD(karena_ring_consumer, position, 0, 8);

SIZE(karena_ring_producer, 152);
FIELD(karena_ring_producer, position, 0, 8);
FIELD(karena_ring_producer, __reserved, 8, 56);
FIELD(karena_ring_producer, lost_full, 64, 8);
FIELD(karena_ring_producer, lost_full_bytes, 72, 8);
FIELD(karena_ring_producer, lost_too_big, 80, 8);
FIELD(karena_ring_producer, lost_busy, 88, 8);
FIELD(karena_ring_producer, lost_dead, 96, 8);
FIELD(karena_ring_producer, space_wanted, 104, 8);
FIELD(karena_ring_producer, lost_too_big_bytes, 112, 8);
FIELD(karena_ring_producer, lost_busy_bytes, 120, 8);
FIELD(karena_ring_producer, lost_dead_bytes, 128, 8);
FIELD(karena_ring_producer, lost_timeout, 136, 8);
FIELD(karena_ring_producer, lost_timeout_bytes, 144, 8);

SIZE(karena_ring_create, 40);
FIELD(karena_ring_create, size, 0, 4);
FIELD(karena_ring_create, flags, 4, 4);
FIELD(karena_ring_create, data_bytes, 8, 8);
FIELD(karena_ring_create, node, 16, 4);
FIELD(karena_ring_create, reserve_timeout_us, 20, 4);
FIELD(karena_ring_create, name, 24, 16);

SIZE(karena_ring_reserve, 32);
FIELD(karena_ring_reserve, size, 0, 4);
FIELD(karena_ring_reserve, flags, 4, 4);
FIELD(karena_ring_reserve, length, 8, 4);
FIELD(karena_ring_reserve, timeout_us, 12, 4);
FIELD(karena_ring_reserve, out_position, 16, 8);
FIELD(karena_ring_reserve, out_offset, 24, 8);

IS(KARENA_RING_NO_WAKEUP, 1);
IS(KARENA_RING_FORCE_WAKEUP, 2);

SIZE(karena_ring_finish, 24);
FIELD(karena_ring_finish, size, 0, 4);
FIELD(karena_ring_finish, flags, 4, 4);
FIELD(karena_ring_finish, position, 8, 8);
FIELD(karena_ring_finish, length, 16, 4);
FIELD(karena_ring_finish, __reserved, 20, 4);

SIZE(karena_ring_output_batch, 32);
FIELD(karena_ring_output_batch, size, 0, 4);
FIELD(karena_ring_output_batch, flags, 4, 4);
FIELD(karena_ring_output_batch, buffer, 8, 8);
FIELD(karena_ring_output_batch, buffer_bytes, 16, 8);
FIELD(karena_ring_output_batch, timeout_us, 24, 4);
FIELD(karena_ring_output_batch, __reserved, 28, 4);

SIZE(karena_ring_reserve_batch, 48);
FIELD(karena_ring_reserve_batch, size, 0, 4);
FIELD(karena_ring_reserve_batch, flags, 4, 4);
FIELD(karena_ring_reserve_batch, buffer, 8, 8);
FIELD(karena_ring_reserve_batch, buffer_bytes, 16, 8);
FIELD(karena_ring_reserve_batch, timeout_us, 24, 4);
FIELD(karena_ring_reserve_batch, __reserved, 28, 4);
FIELD(karena_ring_reserve_batch, out_position, 32, 8);
FIELD(karena_ring_reserve_batch, out_offset, 40, 8);

SIZE(karena_ring_finish_entry, 16);
FIELD(karena_ring_finish_entry, position, 0, 8);
FIELD(karena_ring_finish_entry, length, 8, 4);
FIELD(karena_ring_finish_entry, flags, 12, 4);

SIZE(karena_ring_finish_batch, 24);
FIELD(karena_ring_finish_batch, size, 0, 4);
FIELD(karena_ring_finish_batch, flags, 4, 4);
FIELD(karena_ring_finish_batch, buffer, 8, 8);
FIELD(karena_ring_finish_batch, buffer_bytes, 16, 8);

SIZE(karena_ring_policy, 24);
FIELD(karena_ring_policy, size, 0, 4);
FIELD(karena_ring_policy, flags, 4, 4);
FIELD(karena_ring_policy, wake_bytes, 8, 4);
FIELD(karena_ring_policy, wake_records, 12, 4);
FIELD(karena_ring_policy, wake_delay_us, 16, 4);
FIELD(karena_ring_policy, __reserved, 20, 4);

SIZE(karena_ring_flush, 8);
FIELD(karena_ring_flush, size, 0, 4);
FIELD(karena_ring_flush, flags, 4, 4);
SIZE(karena_ring_attach, 8);
FIELD(karena_ring_attach, size, 0, 4);
FIELD(karena_ring_attach, flags, 4, 4);
SIZE(karena_ring_wait_cancel, 16);
FIELD(karena_ring_wait_cancel, size, 0, 4);
FIELD(karena_ring_wait_cancel, flags, 4, 4);
FIELD(karena_ring_wait_cancel, user_data, 8, 8);

SIZE(karena_ring_output, 32);
FIELD(karena_ring_output, size, 0, 4);
FIELD(karena_ring_output, flags, 4, 4);
FIELD(karena_ring_output, buffer, 8, 8);
FIELD(karena_ring_output, buffer_bytes, 16, 8);
FIELD(karena_ring_output, timeout_us, 24, 4);
FIELD(karena_ring_output, __reserved, 28, 4);

SIZE(karena_ring_stat, 216);
FIELD(karena_ring_stat, size, 0, 4);
FIELD(karena_ring_stat, flags, 4, 4);
FIELD(karena_ring_stat, out_flags, 8, 4);
FIELD(karena_ring_stat, out_rights, 12, 4);
FIELD(karena_ring_stat, out_data_bytes, 16, 8);
FIELD(karena_ring_stat, out_available, 24, 8);
FIELD(karena_ring_stat, out_consumer_position, 32, 8);
FIELD(karena_ring_stat, out_producer_position, 40, 8);
FIELD(karena_ring_stat, out_records, 48, 8);
FIELD(karena_ring_stat, out_submitted, 56, 8);
FIELD(karena_ring_stat, out_discarded, 64, 8);
FIELD(karena_ring_stat, out_lost_full, 72, 8);
FIELD(karena_ring_stat, out_lost_full_bytes, 80, 8);
FIELD(karena_ring_stat, out_lost_too_big, 88, 8);
FIELD(karena_ring_stat, out_lost_busy, 96, 8);
FIELD(karena_ring_stat, out_lost_dead, 104, 8);
FIELD(karena_ring_stat, out_wakeups, 112, 8);
FIELD(karena_ring_stat, out_name, 120, 16);
FIELD(karena_ring_stat, out_wake_bytes, 136, 4);
FIELD(karena_ring_stat, out_wake_records, 140, 4);
FIELD(karena_ring_stat, out_wake_delay_us, 144, 4);
FIELD(karena_ring_stat, out_reserve_timeout_us, 148, 4);
FIELD(karena_ring_stat, out_lost_too_big_bytes, 152, 8);
FIELD(karena_ring_stat, out_lost_busy_bytes, 160, 8);
FIELD(karena_ring_stat, out_lost_dead_bytes, 168, 8);
FIELD(karena_ring_stat, out_lost_timeout, 176, 8);
FIELD(karena_ring_stat, out_lost_timeout_bytes, 184, 8);
FIELD(karena_ring_stat, out_read, 192, 8);
FIELD(karena_ring_stat, out_fill_most, 200, 8);
FIELD(karena_ring_stat, out_unread_us, 208, 8);

IS(KARENA_WAIT_F_RECORDS, 1);
SIZE(karena_ring_wait, 16);
FIELD(karena_ring_wait, size, 0, 4);
FIELD(karena_ring_wait, flags, 4, 4);
FIELD(karena_ring_wait, bytes, 8, 4);
FIELD(karena_ring_wait, timeout_us, 12, 4);

#endif /* KARENA_TESTS_ABI_LAYOUT_H */
