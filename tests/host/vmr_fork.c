// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reservations across fork(): the child's copy is whole, its own, and not locked,
 * whatever the parent's threads were at.
 */
#include "vmr_lib.h"

#include "kselftest_harness.h"

static struct maps maps;

/* Runs @fn in a child, which must not hang. Returns its result, -1 if it died. */
static int in_child(int (*fn)(void *), void *arg)
{
	int status;
	pid_t child = fork();

	if (!child) {
		alarm(300);
		_exit(fn(arg));
	}
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/* In a child: the line that went wrong is said, and fails the parent. */
static void check(bool ok, int line)
{
	if (ok)
		return;
	fprintf(stderr, "# child: line %d\n", line);
	_exit(1);
}

#define CHECK(ok)	check(ok, __LINE__)

static int empty(struct karena_vmr **vmr)
{
	struct karena_vmr_map map;

	while (!karena_vmr_map_first(*vmr, &map))
		if (karena_vmr_unmap(*vmr, &map))
			return -1;
	return karena_vmr_delete(vmr);
}

struct family {
	struct karena_vmr *vmr;
	struct karena_vmr_source shared;
	struct karena_vmr_source anon;
	struct karena_vmr_map shared_map;
	struct karena_vmr_map anon_map;
};

static int child_uses_its_copy(void *arg)
{
	struct family *family = arg;
	struct karena_vmr_map map;
	char *at = karena_vmr_get_address(family->vmr);

	CHECK(!karena_vmr_map_find(family->vmr, PAGE, PAGE, &map));
	CHECK(map.address == family->shared_map.address && map.id == family->shared_map.id);
	CHECK(*(uint64_t *)family->anon_map.address == 11);
	*(uint64_t *)family->shared_map.address = 22;
	*(uint64_t *)family->anon_map.address = 33;

	CHECK(!karena_vmr_map(family->vmr, 6 * PAGE, PAGE, &family->shared, NULL));
	CHECK(!karena_vmr_extend(family->vmr, PAGE));
	CHECK(!empty(&family->vmr));
	maps_read(&maps);
	CHECK(is_free(&maps, at, 8 * PAGE));
	return 0;
}

TEST(a_child_should_use_and_delete_its_copy_without_effect_on_the_parent)
{
	struct family family;
	struct karena_vmr_map map;
	int fd = numbered_memfd(4, 0, 0);

	ASSERT_EQ(0, karena_vmr_source_fd(&family.shared, fd, 0, RW, 0));
	ASSERT_EQ(0, karena_vmr_source_anon(&family.anon, RW, KARENA_VMR_PRIVATE));
	ASSERT_EQ(0, karena_vmr_new(&family.vmr, remote_range(), 8 * PAGE));
	ASSERT_EQ(0, karena_vmr_map(family.vmr, PAGE, PAGE, &family.shared, &family.shared_map));
	ASSERT_EQ(0, karena_vmr_map(family.vmr, 3 * PAGE, PAGE, &family.anon, &family.anon_map));
	*(uint64_t *)family.anon_map.address = 11;

	for (int i = 0; i < 2; i++)
		ASSERT_EQ(0, in_child(child_uses_its_copy, &family));

	/* Memory that is shared was changed; nothing else. */
	EXPECT_EQ(22, *(uint64_t *)family.shared_map.address);
	EXPECT_EQ(11, *(uint64_t *)family.anon_map.address);
	EXPECT_EQ(8 * PAGE, karena_vmr_get_size(family.vmr));
	EXPECT_EQ(KARENA_E_MAPPING_NOT_FOUND,
		  karena_vmr_map_find(family.vmr, 6 * PAGE, PAGE, &map));
	EXPECT_EQ(0, empty(&family.vmr));
}

static int grandchild_too(void *arg)
{
	CHECK(!in_child(child_uses_its_copy, arg));
	return child_uses_its_copy(arg);
}

TEST(a_grandchild_should_have_one_as_well)
{
	struct family family;
	int fd = numbered_memfd(4, 0, 0);

	ASSERT_EQ(0, karena_vmr_source_fd(&family.shared, fd, 0, RW, 0));
	ASSERT_EQ(0, karena_vmr_source_anon(&family.anon, RW, KARENA_VMR_PRIVATE));
	ASSERT_EQ(0, karena_vmr_new(&family.vmr, NULL, 9 * PAGE));
	ASSERT_EQ(0, karena_vmr_shrink(family.vmr, 8 * PAGE, PAGE));
	ASSERT_EQ(0, karena_vmr_map(family.vmr, PAGE, PAGE, &family.shared, &family.shared_map));
	ASSERT_EQ(0, karena_vmr_map(family.vmr, 3 * PAGE, PAGE, &family.anon, &family.anon_map));
	*(uint64_t *)family.anon_map.address = 11;
	EXPECT_EQ(0, in_child(grandchild_too, &family));
}

/*
 * Maps that are not inherited, as devices have them: madvise() stands in for a driver.
 */

static int child_lost_some_maps(void *arg)
{
	struct family *family = arg;
	char *at = karena_vmr_get_address(family->vmr);
	struct karena_vmr_map map;

	CHECK(karena_vmr_map_find(family->vmr, 0, 2 * PAGE, &map) == KARENA_E_MAPPING_NOT_FOUND);
	CHECK(karena_vmr_map_find(family->vmr, 9 * PAGE, PAGE, &map) ==
	      KARENA_E_MAPPING_NOT_FOUND);
	maps_read(&maps);
	CHECK(is_placeholder(&maps, at, 4 * PAGE));
	CHECK(is_placeholder(&maps, at + 5 * PAGE, 11 * PAGE));
	/* The one that was inherited is there, and works. */
	CHECK(!karena_vmr_map_find(family->vmr, 4 * PAGE, PAGE, &map));
	CHECK(*(uint64_t *)map.address == 44);
	CHECK(!karena_vmr_map(family->vmr, 0, 2 * PAGE, &family->anon, NULL));
	CHECK(!empty(&family->vmr));
	return 0;
}

TEST(maps_that_are_not_inherited_should_be_placeholder_in_the_child)
{
	static const size_t pages[] = { 0, 4, 9 };
	struct karena_vmr_source zero;
	struct family family;
	struct karena_vmr_map map;
	int fd = open("/dev/zero", O_RDWR);

	ASSERT_EQ(0, karena_vmr_source_fd(&zero, fd, 0, RW, 0));
	ASSERT_EQ(0, karena_vmr_source_anon(&family.anon, RW, KARENA_VMR_PRIVATE));
	ASSERT_EQ(0, karena_vmr_new(&family.vmr, NULL, 16 * PAGE));
	for (size_t i = 0; i < 3; i++) {
		ASSERT_EQ(0, karena_vmr_map(family.vmr, pages[i] * PAGE, PAGE, &zero, &map));
		*(uint64_t *)map.address = 40 + pages[i];
		if (pages[i] != 4)
			ASSERT_EQ(0, madvise(map.address, PAGE, MADV_DONTFORK));
	}
	EXPECT_EQ(0, in_child(child_lost_some_maps, &family));
	EXPECT_EQ(0, karena_vmr_map_find(family.vmr, 9 * PAGE, PAGE, &map));
	EXPECT_EQ(49, *(uint64_t *)map.address);
	EXPECT_EQ(0, empty(&family.vmr));
}

/* So many pages that they cannot be looked at one by one. */
#define HOLED	((size_t)1 << 25)

static int child_lost_parts(void *arg)
{
	struct family *family = arg;
	char *at = karena_vmr_get_address(family->vmr);
	struct karena_vmr_map map;

	maps_read(&maps);
	CHECK(is_placeholder(&maps, at, 2 * PAGE));
	CHECK(is_placeholder(&maps, at + 3 * PAGE, (HOLED - 3) * PAGE));
	/* What is left of the map is a map, and is unmapped as one. */
	CHECK(!karena_vmr_map_first(family->vmr, &map));
	CHECK(map.address == at && map.length == 4 * PAGE && map.id == family->shared_map.id);
	CHECK(*(uint64_t *)(at + 2 * PAGE) == 2);
	CHECK(karena_vmr_map_next(family->vmr, &map, &map) == KARENA_E_MAPPING_NOT_FOUND);
	CHECK(!empty(&family->vmr));
	maps_read(&maps);
	CHECK(is_free(&maps, at, HOLED * PAGE));
	return 0;
}

TEST(a_child_should_have_no_hole_where_a_part_is_not_inherited)
{
	struct family family;
	char *at;
	int fd = numbered_memfd(4, 0, 0);

	ASSERT_EQ(0, karena_vmr_source_fd(&family.shared, fd, 0, RW, 0));
	ASSERT_EQ(0, karena_vmr_new(&family.vmr, NULL, HOLED * PAGE));
	at = karena_vmr_get_address(family.vmr);
	ASSERT_EQ(0, karena_vmr_map(family.vmr, 0, 4 * PAGE, &family.shared, &family.shared_map));
	ASSERT_EQ(0, karena_vmr_map(family.vmr, 9 * PAGE, 4 * PAGE, &family.shared, NULL));
	/* Of one map all but a page, another one, and placeholder. */
	ASSERT_EQ(0, madvise(at, 2 * PAGE, MADV_DONTFORK));
	ASSERT_EQ(0, madvise(at + 3 * PAGE, PAGE, MADV_DONTFORK));
	ASSERT_EQ(0, madvise(at + 9 * PAGE, 4 * PAGE, MADV_DONTFORK));
	ASSERT_EQ(0, madvise(at + 12345 * PAGE, PAGE, MADV_DONTFORK));
	ASSERT_EQ(0, madvise(at + (HOLED - 1) * PAGE, PAGE, MADV_DONTFORK));
	EXPECT_EQ(0, in_child(child_lost_parts, &family));
	EXPECT_EQ(3, *(uint64_t *)(at + 3 * PAGE));
	EXPECT_EQ(0, empty(&family.vmr));
}

/*
 * fork() in the middle of everything.
 */

#define RESERVATIONS	3
#define CHANGERS	4
#define FORKS		100

struct crowd {
	struct karena_vmr *vmrs[RESERVATIONS];
	struct karena_vmr_source source;
	bool stop;
	size_t joined;
	unsigned long rounds;
	int wrong;
};

static void *change(void *arg)
{
	struct crowd *crowd = arg;
	size_t mine = __atomic_fetch_add(&crowd->joined, 1, __ATOMIC_RELAXED);

	for (size_t i = 0; !__atomic_load_n(&crowd->stop, __ATOMIC_ACQUIRE); i++) {
		struct karena_vmr *vmr = crowd->vmrs[i % RESERVATIONS];
		size_t offset = (8 * mine + i % 8) * PAGE;
		struct karena_vmr_map map;

		if (karena_vmr_map(vmr, offset, PAGE, &crowd->source, &map) ||
		    karena_vmr_unmap(vmr, &map))
			__atomic_store_n(&crowd->wrong, __LINE__, __ATOMIC_RELAXED);
		__atomic_fetch_add(&crowd->rounds, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static int child_of_a_crowd(void *arg)
{
	struct crowd *crowd = arg;

	for (size_t i = 0; i < RESERVATIONS; i++) {
		struct karena_vmr *vmr = crowd->vmrs[i];
		char *at = karena_vmr_get_address(vmr);
		struct karena_vmr_map map;
		size_t nr = 0;

		/* What the set says is what is mapped. */
		for (karena_vmr_map_first(vmr, &map); map.address;
		     karena_vmr_map_next(vmr, &map, &map)) {
			CHECK(!is_inaccessible(map.address));
			CHECK(!karena_vmr_unmap(vmr, &map));
			nr++;
		}
		CHECK(nr <= CHANGERS);
		maps_read(&maps);
		CHECK(is_placeholder(&maps, at, 64 * PAGE));
		CHECK(!karena_vmr_map(vmr, 40 * PAGE, PAGE, &crowd->source, &map));
		CHECK(!karena_vmr_unmap(vmr, &map));
		CHECK(!karena_vmr_shrink(vmr, 32 * PAGE, 32 * PAGE));
	}
	return 0;
}

TEST(a_child_should_find_all_whole_whatever_other_threads_were_at)
{
	struct crowd crowd = { 0 };
	pthread_t threads[CHANGERS];
	int fd = numbered_memfd(4, 0, 0);

	ASSERT_EQ(0, karena_vmr_source_fd(&crowd.source, fd, 0, PROT_READ, 0));
	for (size_t i = 0; i < RESERVATIONS; i++)
		ASSERT_EQ(0, karena_vmr_new(&crowd.vmrs[i], NULL, 64 * PAGE));
	for (size_t i = 0; i < CHANGERS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, change, &crowd));
	while (__atomic_load_n(&crowd.rounds, __ATOMIC_RELAXED) < 100)
		usleep(1000);
	for (int i = 0; i < FORKS; i++) {
		int ret = in_child(child_of_a_crowd, &crowd);

		EXPECT_EQ(0, ret);
		if (ret)
			break;
	}
	__atomic_store_n(&crowd.stop, true, __ATOMIC_RELEASE);
	for (size_t i = 0; i < CHANGERS; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQ(0, crowd.wrong);
	for (size_t i = 0; i < RESERVATIONS; i++)
		EXPECT_EQ(0, empty(&crowd.vmrs[i]));
}

static void *come_and_go(void *arg)
{
	struct crowd *crowd = arg;

	while (!__atomic_load_n(&crowd->stop, __ATOMIC_ACQUIRE)) {
		struct karena_vmr *vmr;

		if (karena_vmr_new(&vmr, NULL, 4 * PAGE) || karena_vmr_delete(&vmr))
			__atomic_store_n(&crowd->wrong, __LINE__, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Every reservation that the child has addresses of, it knows. */
static int child_goes_through_the_registry(void *arg)
{
	size_t nr = 0;

	(void)arg;
	for (struct karena_vmr *vmr = registry; vmr; vmr = vmr->next) {
		CHECK(vmr->next != vmr);
		CHECK(!pthread_mutex_trylock(&vmr->lock));
		maps_read(&maps);
		CHECK(is_placeholder(&maps, (void *)vmr->address, vmr->size));
		CHECK(!pthread_mutex_unlock(&vmr->lock));
		nr++;
	}
	CHECK(nr <= CHANGERS);
	vmr_registry_lock();
	vmr_registry_unlock();
	return 0;
}

TEST(a_child_should_find_the_registry_whole_while_reservations_come_and_go)
{
	struct crowd crowd = { 0 };
	pthread_t threads[CHANGERS];

	for (size_t i = 0; i < CHANGERS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, come_and_go, &crowd));
	for (int i = 0; i < FORKS; i++) {
		int ret = in_child(child_goes_through_the_registry, NULL);

		EXPECT_EQ(0, ret);
		if (ret)
			break;
	}
	__atomic_store_n(&crowd.stop, true, __ATOMIC_RELEASE);
	for (size_t i = 0; i < CHANGERS; i++)
		pthread_join(threads[i], NULL);
	EXPECT_EQ(0, crowd.wrong);
}

/* In the place of the first call that the process ever makes, and a slow one. */
static void *first_call(void *arg)
{
	int *stage = arg;

	pthread_mutex_lock(&registry_lock);
	__atomic_store_n(stage, 1, __ATOMIC_RELEASE);
	usleep(200000);
	__atomic_store_n(stage, 2, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&registry_lock);
	while (__atomic_load_n(stage, __ATOMIC_ACQUIRE) == 2)
		usleep(1000);
	return NULL;
}

static int child_of_a_beginner(void *arg)
{
	struct karena_vmr *vmr;

	CHECK(__atomic_load_n((int *)arg, __ATOMIC_ACQUIRE) == 2);
	CHECK(!karena_vmr_new(&vmr, NULL, PAGE));
	CHECK(!karena_vmr_delete(&vmr));
	return 0;
}

TEST(a_fork_should_wait_for_the_first_call_of_all_too)
{
	pthread_t thread;
	int stage = 0;

	ASSERT_EQ(0, pthread_create(&thread, NULL, first_call, &stage));
	while (!__atomic_load_n(&stage, __ATOMIC_ACQUIRE))
		usleep(1000);
	EXPECT_EQ(0, in_child(child_of_a_beginner, &stage));
	__atomic_store_n(&stage, 3, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
}

TEST_HARNESS_MAIN
