// SPDX-License-Identifier: GPL-2.0-only
/*
 * The manual page of reservations: it names all that the header does, and its
 * example is a program that does what it says. To be run at the top of the tree.
 */
#include "vmr_lib.h"

#include "kselftest_harness.h"

#define PAGE_FILE	"docs/man/karena_vmr.3"
#define HEADER		"userlib/karena_vmr.h"

static char *read_text(const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	char *text;

	if (fd < 0 || fstat(fd, &st))
		return NULL;
	text = malloc((size_t)st.st_size + 1);
	if (!text || read(fd, text, (size_t)st.st_size) != st.st_size)
		return NULL;
	text[st.st_size] = '\0';
	close(fd);
	return text;
}

static bool is_name(char c)
{
	return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	       (c >= 'a' && c <= 'z');
}

/* Is the name in the text, not as a part of a longer one? */
static bool mentions(const char *text, const char *name, size_t length)
{
	for (const char *at = text; (at = strstr(at, name)); at += length)
		if ((at == text || !is_name(at[-1])) && !is_name(at[length]))
			return true;
	return false;
}

/* The next name that begins with one of the library's prefixes, or NULL. */
static const char *next_name(const char *text, size_t *length)
{
	static const char *const prefixes[] = { "karena_", "KARENA_" };

	for (const char *at = text; *at; at++) {
		for (size_t i = 0; i < 2; i++) {
			if (strncmp(at, prefixes[i], strlen(prefixes[i])) ||
			    (at > text && is_name(at[-1])))
				continue;
			for (*length = 0; is_name(at[*length]); (*length)++)
				;
			return at;
		}
	}
	return NULL;
}

/* How many names of one text the other does not have. */
static int count_missing(const char *of, const char *in)
{
	const char *at = of;
	size_t length;
	int missing = 0;

	while ((at = next_name(at, &length))) {
		char name[64] = "";

		if (length < sizeof(name)) {
			memcpy(name, at, length);
			/* A prefix with a star stands for several, guard and include for none. */
			if (name[length - 1] != '_' && strcmp(name, "KARENA_VMR_H") &&
			    strcmp(name, "karena_init") && !mentions(in, name, length)) {
				fprintf(stderr, "# missing: %s\n", name);
				missing++;
			}
		}
		at += length;
	}
	return missing;
}

TEST(the_page_and_the_header_should_name_the_same_things)
{
	char *page = read_text(PAGE_FILE), *header = read_text(HEADER);

	ASSERT_NE(NULL, page);
	ASSERT_NE(NULL, header);
	EXPECT_EQ(0, count_missing(header, page));
	EXPECT_EQ(0, count_missing(page, header));
	free(page);
	free(header);
}

/* Writes the example of the page into a file, without what is for man(1). */
static int write_example(const char *path)
{
	static const char begin[] = ".\\\" example\n.EX\n";
	char *page = read_text(PAGE_FILE), *at, *end;
	FILE *file;

	at = page ? strstr(page, begin) : NULL;
	end = at ? strstr(at, "\n.EE") : NULL;
	if (!end)
		return -1;
	file = fopen(path, "w");
	if (!file)
		return -1;
	for (at += strlen(begin); at <= end; at++) {
		if (*at != '\\') {
			fputc(*at, file);
			continue;
		}
		at++;
		fputc(*at == 'e' ? '\\' : *at, file);
	}
	free(page);
	return fclose(file);
}

static int build_example(const char *dir)
{
	const char *cc = getenv("CC");
	char source[64], command[512];

	snprintf(source, sizeof(source), "%s/example.c", dir);
	if (write_example(source))
		return -1;
	snprintf(command, sizeof(command), "%s %s %s -o %s/example %s build/libkarena.a -pthread",
		 cc ? cc : "cc", "-std=c99 -Wall -Wextra -Werror",
		 "-Ibuild/include -Iuserlib", dir, source);
	return system(command);
}

static int run_example(const char *dir, char *said, size_t size)
{
	char command[256];
	size_t length;
	FILE *pipe;

	snprintf(command, sizeof(command), "%s/example", dir);
	pipe = popen(command, "r");
	if (!pipe)
		return -1;
	length = fread(said, 1, size - 1, pipe);
	said[length] = '\0';
	return pclose(pipe);
}

TEST(the_example_should_compile_and_run)
{
	char dir[] = "/tmp/karena-vmr.XXXXXX";
	char said[256] = "", command[64];

	ASSERT_NE(NULL, mkdtemp(dir));
	EXPECT_EQ(0, build_example(dir));
	EXPECT_EQ(0, run_example(dir, said, sizeof(said)));
	EXPECT_STREQ("the end, around the end\n", said);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	EXPECT_EQ(0, system(command));
}

TEST_HARNESS_MAIN
