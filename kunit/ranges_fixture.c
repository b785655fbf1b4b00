// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ranges with a lock, and drawings of them.
 */
#include <linux/string.h>

#include "ranges_fixture.h"

static u32 rt_state(char letter)
{
	return strchr(RT_LETTERS, letter) - RT_LETTERS;
}

int rt_init(struct kunit *test)
{
	struct ranges_fixture *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);

	if (!f)
		return -ENOMEM;
	init_rwsem(&f->lock);
	test->priv = f;
	return 0;
}

void rt_exit(struct kunit *test)
{
	struct ranges_fixture *f = test->priv;

	if (f && f->made)
		rt_destroy(f);
}

/* The calls under test, with the lock that they require. */

void rt_make(struct kunit *test, unsigned long nr_pages)
{
	struct ranges_fixture *f = test->priv;

	ranges_init(&f->r, nr_pages, &f->lock);
	f->made = true;
}

void rt_destroy(struct ranges_fixture *f)
{
	down_write(&f->lock);
	ranges_destroy(&f->r);
	up_write(&f->lock);
	f->made = false;
}

int rt_set_gfp(struct kunit *test, unsigned long first, unsigned long last,
	       char letter, gfp_t gfp)
{
	struct ranges_fixture *f = test->priv;
	int err = 0;

	down_write(&f->lock);
	if (gfp == RT_SPARE)
		ranges_set_spare(&f->r, first, last, rt_state(letter));
	else
		err = ranges_set(&f->r, first, last, rt_state(letter), gfp);
	up_write(&f->lock);
	return err;
}

void rt_set(struct kunit *test, unsigned long first, unsigned long last, char letter)
{
	KUNIT_ASSERT_EQ(test, rt_set_gfp(test, first, last, letter, GFP_KERNEL), 0);
}

struct page_range rt_at(struct kunit *test, unsigned long index)
{
	struct ranges_fixture *f = test->priv;
	struct page_range range;

	down_read(&f->lock);
	range = ranges_at(&f->r, index);
	up_read(&f->lock);
	return range;
}

bool rt_all(struct kunit *test, unsigned long first, unsigned long last, u32 mask)
{
	struct ranges_fixture *f = test->priv;
	bool yes;

	down_read(&f->lock);
	yes = ranges_all(&f->r, first, last, mask);
	up_read(&f->lock);
	return yes;
}

unsigned long rt_part(struct kunit *test, unsigned long first, unsigned long last,
		      unsigned int nr)
{
	struct ranges_fixture *f = test->priv;
	unsigned long end;

	down_read(&f->lock);
	end = ranges_part(&f->r, first, last, nr);
	up_read(&f->lock);
	return end;
}

bool rt_next(struct kunit *test, unsigned long index, struct page_range *range)
{
	struct ranges_fixture *f = test->priv;
	bool yes;

	down_read(&f->lock);
	yes = ranges_next(&f->r, index, range);
	up_read(&f->lock);
	return yes;
}

/* Returns the first page, or -errno. */
long rt_find(struct kunit *test, unsigned long hint, unsigned long n,
	     unsigned long align)
{
	struct ranges_fixture *f = test->priv;
	unsigned long first;
	int err;

	down_read(&f->lock);
	err = ranges_find_free(&f->r, hint, n, align, &first);
	up_read(&f->lock);
	return err ?: first;
}

unsigned long rt_count(struct kunit *test, u32 state)
{
	struct ranges_fixture *f = test->priv;
	unsigned long n;

	down_read(&f->lock);
	n = ranges_count(&f->r, state);
	up_read(&f->lock);
	return n;
}

bool rt_valid(struct kunit *test)
{
	struct ranges_fixture *f = test->priv;
	bool yes;

	down_read(&f->lock);
	yes = ranges_validate(&f->r);
	up_read(&f->lock);
	return yes;
}

/* Drawings */

void rt_draw(struct kunit *test, const char *drawing)
{
	unsigned long i;

	rt_make(test, strlen(drawing));
	for (i = 0; drawing[i]; i++)
		rt_set(test, i, i, drawing[i]);
}

void rt_expect_range(struct kunit *test, struct page_range range,
		     unsigned long first, unsigned long last, char letter)
{
	KUNIT_EXPECT_EQ(test, range.first, first);
	KUNIT_EXPECT_EQ(test, range.last, last);
	KUNIT_EXPECT_EQ(test, RT_LETTERS[range.state], letter);
}

/* Checks each page, the length of its range, and the counts against a drawing. */
void rt_expect(struct kunit *test, const char *drawing)
{
	unsigned long n[RANGES_NR_STATES] = {};
	unsigned long len = strlen(drawing);
	unsigned long i, first, last;

	for (i = 0; i < len; i++) {
		for (first = i; first && drawing[first - 1] == drawing[i]; first--)
			;
		for (last = i; drawing[last + 1] == drawing[i]; last++)
			;
		rt_expect_range(test, rt_at(test, i), first, last, drawing[i]);
		n[rt_state(drawing[i])]++;
	}
	for (i = 0; i < RANGES_NR_STATES; i++)
		KUNIT_EXPECT_EQ(test, rt_count(test, i), n[i]);
	KUNIT_EXPECT_TRUE(test, rt_valid(test));
}
