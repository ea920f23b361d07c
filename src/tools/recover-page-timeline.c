/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "recover-page-internal.h"

#include "human.h"
#include "page-text.h"

#include <inttypes.h>
#include <string.h>

/* Shown of a store, the last of them; and stores shown. */
enum { COMMITS_MAX = 100, STORES_MAX = 50 };

/* The picture: where its floor is, how high a mark can be, what is above it. */
enum { FLOOR = 130, HEIGHT = 100, PICTURE = 150 };

struct timeline {
	const char *root;
	const struct commit_txn_info *commits[COMMITS_MAX];
	size_t count;
	/* those that are older than what is shown */
	uint64_t older;
	/* the power of two at the top of the picture */
	unsigned top;
};

static unsigned log2_of(uint64_t number)
{
	unsigned power = 0;

	while (power < 63 && number >> (power + 1) != 0)
		power++;
	return power;
}

/* In tenths, so that a mark lies between two powers as its size does. */
static unsigned height_of(const struct timeline *line, uint64_t bytes)
{
	unsigned power = log2_of(bytes);
	unsigned part = power > 0 ? (unsigned)((bytes - ((uint64_t)1 << power)) >>
	                                       (power > 8 ? power - 8 : 0))
	                          : 0;

	if (power <= 8)
		part <<= 8 - power;
	return bytes < 2 ? 0 : (power * 256 + part) * HEIGHT / (line->top * 256);
}

static void take(struct timeline *line, const struct commit_txn_info *commit)
{
	if (line->count == COMMITS_MAX) {
		line->count--;
		for (size_t i = 0; i < line->count; i++)
			line->commits[i] = line->commits[i + 1];
		line->older++;
	}
	line->commits[line->count++] = commit;
}

/* Those that follow the record of the store, up to the next store. */
static void collect(struct timeline *line, const struct recover_page *page,
                    const struct recover_spool_record *store)
{
	const struct recover_spool_record *at = store;
	unsigned most = 0;

	*line = (struct timeline){.root = recover_spool_string(store, 0)};
	while ((at = recover_spool_next(page->records, at)) != NULL &&
	       at->kind != RECOVER_SPOOL_STORE)
		if (at->kind == RECOVER_SPOOL_COMMIT)
			take(line, &at->what.commit);
	for (size_t i = 0; i < line->count; i++)
		if (log2_of(line->commits[i]->bytes) >= most)
			most = log2_of(line->commits[i]->bytes) + 1;
	line->top = (most / 10 + 1) * 10;
}

/*
 * By time, and for a quarter by their order, so that those of one second stand side by
 * side. Ten-thousandths of the width.
 */
static unsigned place_of(const struct timeline *line, size_t i)
{
	int64_t first = line->commits[0]->time;
	double span = (double)(line->commits[line->count - 1]->time - first);
	double at = (double)(line->commits[i]->time - first);
	double order;

	if (line->count == 1)
		return 5000;
	order = (double)i / (double)(line->count - 1);
	/* a clock that was set back */
	at = at < 0 || span <= 0 ? 0 : at > span ? 1 : at / span;
	return (unsigned)(400 + 9200 * (span > 0 ? 0.75 * at + 0.25 * order : order));
}

static void print_grid(FILE *out, const struct timeline *line)
{
	char text[HUMAN_SIZE];

	for (unsigned power = 10; power <= line->top; power += 10) {
		unsigned y = FLOOR - power * HEIGHT / line->top;

		fprintf(out,
		        "<line class=\"grid\" x1=\"0\" x2=\"100%%\" y1=\"%u\" y2=\"%u\"/>"
		        "<text x=\"0\" y=\"%u\">%s</text>\n",
		        y, y, y - 4, human_bytes((uint64_t)1 << power, text));
	}
	fprintf(out, "<line class=\"floor\" x1=\"0\" x2=\"100%%\" y1=\"%d\" y2=\"%d\"/>\n", FLOOR,
	        FLOOR);
}

static void print_mark(FILE *out, const struct timeline *line, size_t i)
{
	const struct commit_txn_info *commit = line->commits[i];
	unsigned x = place_of(line, i), y = FLOOR - 6 - height_of(line, commit->bytes);
	const char *look = commit->state == COMMIT_TXN_PENDING ? "pending" : "committed";
	unsigned radius = 4 + log2_of(commit->files) / 2;
	char when[HUMAN_SIZE], bytes[HUMAN_SIZE];

	fprintf(out,
	        "<g class=\"%s\"><title>%s, %" PRIu64 " files, %s</title>"
	        "<line x1=\"%u.%02u%%\" x2=\"%u.%02u%%\" y1=\"%d\" y2=\"%u\"/>",
	        look, human_time(commit->time, when), commit->files,
	        human_bytes(commit->bytes, bytes), x / 100, x % 100, x / 100, x % 100, FLOOR, y);
	if (commit->undoes[0] != '\0')
		fprintf(out,
		        "<svg x=\"%u.%02u%%\" y=\"%u\" width=\"1\" height=\"1\" "
		        "overflow=\"visible\"><path d=\"M0-%uL%u 0L0 %uL-%u 0Z\"/></svg>",
		        x / 100, x % 100, y, radius + 2, radius + 2, radius + 2, radius + 2);
	else
		fprintf(out, "<circle cx=\"%u.%02u%%\" cy=\"%u\" r=\"%u\"/>", x / 100, x % 100, y,
		        radius);
	fputs("</g>\n", out);
}

static void print_picture(FILE *out, const struct timeline *line)
{
	char when[HUMAN_SIZE];

	fprintf(out,
	        "<figure>\n<svg class=\"timeline\" role=\"img\" width=\"100%%\" height=\"%d\" "
	        "aria-label=\"%zu commits by time and size; the table below says the same\">\n",
	        PICTURE, line->count);
	print_grid(out, line);
	for (size_t i = 0; i < line->count; i++)
		print_mark(out, line, i);
	fprintf(out, "</svg>\n<p class=\"axis\"><span>%s</span>",
	        human_time(line->commits[0]->time, when));
	if (line->count > 1)
		fprintf(out, "<span>%s</span>",
		        human_time(line->commits[line->count - 1]->time, when));
	fputs("</p>\n<figcaption>Higher: more bytes. Larger: more files. Disc: a commit; diamond: "
	      "one that took another back; ring on a dashed stem: not published to the "
	      "end.</figcaption>\n</figure>\n",
	      out);
}

static void print_notes(FILE *out, const struct commit_txn_info *commit)
{
	fputs(commit->state == COMMIT_TXN_PENDING ? "<b>not published to the end</b>" : "committed",
	      out);
	if (commit->kept)
		fputs(", can be undone", out);
	if (commit->undoes[0] != '\0') {
		fputs(", took back <code>", out);
		page_text(out, commit->undoes);
		fputs("</code>", out);
	}
}

static void print_row(FILE *out, const struct commit_txn_info *commit)
{
	char text[HUMAN_SIZE];

	fprintf(out,
	        "<tr role=\"row\"><td role=\"cell\" data-label=\"When\" "
	        "class=\"number\">%s</td>",
	        human_time(commit->time, text));
	fputs("<td role=\"cell\" data-label=\"Who\"><span>", out);
	page_text(out, human_user(commit->user, text));
	fprintf(out,
	        "</span></td><td role=\"cell\" data-label=\"Files\" class=\"number\">%" PRIu64
	        "</td><td role=\"cell\" data-label=\"Bytes\" class=\"number\">%s</td>"
	        "<td role=\"cell\" data-label=\"Transaction\" class=\"number\"><code>",
	        commit->files, human_bytes(commit->bytes, text));
	page_text(out, commit->id);
	fputs("</code></td><td role=\"cell\" data-label=\"State\"><span>", out);
	print_notes(out, commit);
	fputs("</span></td></tr>\n", out);
}

static void print_table(FILE *out, const struct recover_page *page, const struct timeline *line)
{
	static const char *const heads[] = {"When",  "Who",         "Files",
	                                    "Bytes", "Transaction", "State"};
	char root[COMMIT_ERROR_PATH_MAX];

	fputs("<table role=\"table\" class=\"stack\">\n<caption>The last commits, the youngest "
	      "first</caption>\n<thead role=\"rowgroup\"><tr role=\"row\">",
	      out);
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		fprintf(out, "<th role=\"columnheader\" scope=\"col\">%s</th>", heads[i]);
	fputs("</tr></thead>\n<tbody role=\"rowgroup\">\n", out);
	for (size_t i = line->count; i > 0; i--)
		print_row(out, line->commits[i - 1]);
	fputs("</tbody>\n</table>\n", out);
	if (line->older == 0)
		return;
	fprintf(out, "<p>%" PRIu64 " older ones: <code>commit-txn log -C ", line->older);
	page_shell(out, recover_page_absolute(page, line->root, root));
	fputs("</code></p>\n", out);
}

static void print_store(FILE *out, const struct recover_page *page,
                        const struct recover_spool_record *store)
{
	const char *why = recover_spool_string(store, 1);
	struct timeline line;

	collect(&line, page, store);
	fputs("<article>\n<h3>", out);
	recover_page_path(out, page, line.root);
	fputs("</h3>\n", out);
	if (*why != '\0') {
		fputs("<p>Its history cannot be read: ", out);
		page_text(out, why);
		fputs("</p>\n", out);
	} else if (line.count == 0) {
		fputs("<p>Nothing was committed yet.</p>\n", out);
	} else {
		print_picture(out, &line);
		print_table(out, page, &line);
	}
	fputs("</article>\n", out);
}

/* Met again later, perhaps by its owner, who may read more of it. */
static bool is_met_again(const struct recover_page *page, const struct recover_spool_record *store)
{
	const struct recover_spool_record *at = store;

	while ((at = recover_spool_next(page->records, at)) != NULL)
		if (at->kind == RECOVER_SPOOL_STORE &&
		    strcmp(recover_spool_string(at, 0), recover_spool_string(store, 0)) == 0)
			return true;
	return false;
}

void recover_page_timelines(FILE *out, const struct recover_page *page)
{
	const struct recover_spool_record *at = page->records->first;
	uint64_t count = 0;

	for (; at != NULL; at = recover_spool_next(page->records, at)) {
		if (at->kind != RECOVER_SPOOL_STORE ||
		    (count < STORES_MAX && is_met_again(page, at)))
			continue;
		if (count == 0)
			fputs("<section id=\"stores\">\n<h2>Commits of the stores</h2>\n", out);
		if (count++ < STORES_MAX)
			print_store(out, page, at);
	}
	if (count > STORES_MAX)
		fprintf(out, "<p>%" PRIu64 " more stores are not shown here.</p>\n",
		        count - STORES_MAX);
	if (count > 0)
		fputs("</section>\n", out);
}
