/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "recover-page-internal.h"

#include "cli.h"
#include "human.h"
#include "page-text.h"
#include "recover-page-style.h"
#include "textfile.h"

#include <inttypes.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

enum { REPAIRED = 10, TROUBLES_MAX = 100 };

struct verdict {
	const char *look, *sign, *word, *meaning;
};

const char *recover_page_absolute(const struct recover_page *page, const char *path,
                                  char text[COMMIT_ERROR_PATH_MAX])
{
	while (strncmp(path, "./", 2) == 0)
		path += 2;
	if (path[0] == '/')
		snprintf(text, COMMIT_ERROR_PATH_MAX, "%s", path);
	else if (path[0] == '\0' || strcmp(path, ".") == 0)
		snprintf(text, COMMIT_ERROR_PATH_MAX, "%s", page->directory);
	else
		snprintf(text, COMMIT_ERROR_PATH_MAX, "%s%s%s", page->directory,
		         strcmp(page->directory, "/") == 0 ? "" : "/", path);
	return text;
}

void recover_page_path(FILE *out, const struct recover_page *page, const char *path)
{
	char text[COMMIT_ERROR_PATH_MAX];

	fputs("<code>", out);
	page_text(out, recover_page_absolute(page, path, text));
	fputs("</code>", out);
}

/* What the exit status means here; the gravest of what happened. */
static struct verdict judge(const struct recover_page *page)
{
	bool check = (page->options->scan.flags & COMMIT_RECOVER_CHECK) != 0;
	uint64_t planned = recover_page_count(page, RECOVER_GRADE_PLANNED);

	switch (-page->status) {
	case COMMIT_ECONFLICT:
		if (recover_page_count(page, RECOVER_GRADE_DISASTER) > 0)
			return (struct verdict){"bad", "\u2716", "Disaster",
			                        "Something that must hold does not: content is "
			                        "lost, or may get lost."};
		return (struct verdict){"bad", "?", "A person must decide",
		                        "Nothing was lost or overwritten. The commands to choose "
		                        "from stand below."};
	case COMMIT_EUNDECIDED:
		return (struct verdict){"warn", "!", "Undecided",
		                        "The disk did not answer. Nothing is lost; the next run "
		                        "decides."};
	case COMMIT_EPENDING:
		return (struct verdict){"warn", "!", "Not finished",
		                        "Something could not be finished now; run it again."};
	case COMMIT_OK:
		if (planned > 0)
			return (struct verdict){"calm", "\u2192", "There is work to do",
			                        "Nothing was changed. A run that repairs does "
			                        "what is planned below."};
		return (struct verdict){"good", "\u2714",
		                        recover_page_count(page, RECOVER_GRADE_REPAIRED) > 0
		                                ? "Repaired"
		                                : "All is well",
		                        "Nothing needs to be done."};
	case -REPAIRED:
		if (check)
			return (struct verdict){"warn", "\u25cb", "Leaks",
			                        "Nothing is lost. Something takes up room that "
			                        "nobody will use or free."};
		return (struct verdict){"good", "\u2714", "Repaired",
		                        "What was left behind is finished or removed. Nothing "
		                        "needs to be done."};
	default:
		return (struct verdict){"warn", "!", "Failed",
		                        "Not everything could be looked at or done."};
	}
}

static void print_head(FILE *out, const struct verdict *verdict, const char *when)
{
	struct utsname host;

	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	      "style-src 'unsafe-inline'; img-src data:\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta name=\"robots\" content=\"noindex\">\n"
	      "<link rel=\"icon\" href=\"data:,\">\n",
	      out);
	fprintf(out,
	        "<title>commit-recover: %s, %s</title>\n<style>\n%s</style>\n</head>\n<body>\n",
	        verdict->word, when, recover_page_style);
	fputs("<header>\n<h1>commit-recover", out);
	if (uname(&host) == 0) {
		fputs(" on ", out);
		page_text(out, host.nodename);
	}
	fprintf(out,
	        "</h1>\n<div class=\"verdict %s\"><strong><span aria-hidden=\"true\">%s</span> "
	        "%s</strong><p>%s</p></div>\n",
	        verdict->look, verdict->sign, verdict->word, verdict->meaning);
}

static const char *mode_of(const struct recover_page *page)
{
	unsigned flags = page->options->scan.flags;

	if ((flags & COMMIT_RECOVER_CHECK) != 0)
		return "looked for breaches of the invariants (--check)";
	if ((flags & COMMIT_RECOVER_LIST) != 0)
		return "listed transactions (--list)";
	if (page->options->scan.resolve != NULL)
		return "carried out a decision (--resolve)";
	if ((flags & COMMIT_RECOVER_DRY_RUN) != 0)
		return "looked, and changed nothing (--dry-run)";
	return "repaired what could be repaired";
}

static void print_facts(FILE *out, const struct recover_page *page, const char *when)
{
	fprintf(out,
	        "<dl class=\"facts\">\n<dt>When</dt><dd><time datetime=\"%s\">%s</time></dd>\n"
	        "<dt>What</dt><dd>%s; exit status %d</dd>\n<dt>Where</dt><dd>",
	        when, when, mode_of(page), page->status);
	if ((page->options->scan.flags & COMMIT_RECOVER_TREE) != 0)
		fputs("everything below<br>", out);
	for (int i = 0; i < page->options->path_count; i++) {
		if (i > 0)
			fputs("<br>", out);
		recover_page_path(out, page, page->options->paths[i]);
	}
	fputs("</dd>\n</dl>\n", out);
}

static void print_tile(FILE *out, uint64_t count, const char *word)
{
	fprintf(out, "<li><b>%" PRIu64 "</b> %s</li>\n", count, word);
}

static void print_tiles(FILE *out, const struct recover_page *page)
{
	const struct recover_tally *tally = page->tally;
	uint64_t disasters = tally->decisions[COMMIT_DECIDE_DISASTER];

	fputs("<ul class=\"tiles\">\n", out);
	print_tile(out, tally->scanned, "entries looked at");
	print_tile(out, recover_count(tally), "findings");
	if (recover_page_is_dry(page))
		print_tile(out, recover_page_count(page, RECOVER_GRADE_PLANNED), "planned");
	else
		print_tile(out, tally->repaired, "repaired");
	print_tile(out, recover_page_count(page, RECOVER_GRADE_UNFINISHED), "not finished");
	print_tile(out, tally->conflicts, "to be decided");
	if ((page->options->scan.flags & COMMIT_RECOVER_CHECK) != 0) {
		print_tile(out, disasters, "disasters");
		print_tile(out, tally->decisions[COMMIT_DECIDE_LEAK], "leaks");
	}
	fputs("</ul>\n", out);
}

static bool is_same(const struct recover_spool_record *a, const struct recover_spool_record *b)
{
	for (int i = 0; i < RECOVER_SPOOL_STRINGS; i++)
		if (strcmp(recover_spool_string(a, i), recover_spool_string(b, i)) != 0)
			return false;
	return true;
}

/* The gravest is said once more at the end of a scan. */
static bool is_said_again(const struct recover_page *page, const struct recover_spool_record *said)
{
	const struct recover_spool_record *at = said;

	while ((at = recover_spool_next(page->records, at)) != NULL)
		if (at->kind == RECOVER_SPOOL_TROUBLE && is_same(at, said))
			return true;
	return false;
}

static void print_trouble(FILE *out, const struct recover_page *page,
                          const struct recover_spool_record *trouble)
{
	const char *path = recover_spool_string(trouble, 0);
	const char *why = recover_spool_string(trouble, 2);

	fputs("<li>", out);
	if (*path != '\0') {
		recover_page_path(out, page, path);
		fputs(": ", out);
	}
	page_text(out, recover_spool_string(trouble, 1));
	fputs(": ", out);
	page_text(out, *why != '\0' ? why : strerror(trouble->what.errnum));
	fputs("</li>\n", out);
}

/* What is no finding, and was said on standard error. */
static void print_troubles(FILE *out, const struct recover_page *page)
{
	const struct recover_spool_record *at = page->records->first;
	unsigned count = 0;

	for (; at != NULL && count < TROUBLES_MAX; at = recover_spool_next(page->records, at)) {
		if (at->kind != RECOVER_SPOOL_TROUBLE || is_said_again(page, at))
			continue;
		if (count++ == 0)
			fputs("<section id=\"troubles\">\n<h2>What could not be looked at</h2>\n"
			      "<ul>\n",
			      out);
		print_trouble(out, page, at);
	}
	if (count > 0)
		fputs("</ul>\n</section>\n", out);
}

static bool has(const struct recover_page *page, enum recover_spool_kind kind)
{
	const struct recover_spool_record *at = page->records->first;

	while (at != NULL && at->kind != kind)
		at = recover_spool_next(page->records, at);
	return at != NULL;
}

static void print_link(FILE *out, const char *section, const char *title)
{
	fprintf(out, "<a href=\"#%s\">%s</a>\n", section, title);
}

static void print_links(FILE *out, const struct recover_page *page)
{
	fputs("<nav aria-label=\"Sections\">\n", out);
	if (recover_page_count(page, RECOVER_GRADE_DECIDE) > 0)
		print_link(out, "decide", "To decide");
	print_link(out, "findings", "Findings");
	if (has(page, RECOVER_SPOOL_TROUBLE))
		print_link(out, "troubles", "Not looked at");
	if (has(page, RECOVER_SPOOL_STORE))
		print_link(out, "stores", "Commits");
	fputs("</nav>\n", out);
}

static void print_page(FILE *out, const void *context)
{
	const struct recover_page *page = context;
	struct verdict verdict = judge(page);
	char when[HUMAN_SIZE];

	human_time((int64_t)time(NULL), when);
	print_head(out, &verdict, when);
	print_facts(out, page, when);
	print_tiles(out, page);
	print_links(out, page);
	fputs("</header>\n<main>\n", out);
	recover_page_decide(out, page);
	recover_page_findings(out, page);
	print_troubles(out, page);
	recover_page_timelines(out, page);
	fprintf(out,
	        "</main>\n<footer>Written by commit-recover (libcommit) %s. Times are "
	        "UTC.</footer>\n"
	        "</body>\n</html>\n",
	        commit_version());
}

int recover_page_write(const struct recover_options *options, const struct recover_tally *tally,
                       struct commit_error *err)
{
	struct recover_spool_records records;
	struct recover_page page = {.options = options, .tally = tally, .records = &records};
	int rc = recover_spool_read(options->spool, &records, err);

	if (rc != COMMIT_OK) {
		snprintf(err->path, sizeof(err->path), "%s", options->html);
		return rc;
	}
	page.status = recover_status(options, tally);
	if (getcwd(page.directory, sizeof(page.directory)) == NULL)
		strcpy(page.directory, ".");
	if (recover_page_is_output(options))
		print_page(stdout, &page);
	else
		rc = textfile_write(options->html, print_page, &page, err);
	recover_spool_release(&records);
	return rc;
}
