/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "recover-page-internal.h"

#include "page-text.h"

#include <errno.h>
#include <string.h>

/* One decision, and the paths that its commands are about. */
struct choice {
	FILE *out;
	const struct recover_page *page;
	const struct commit_finding *finding;
	/* absolute */
	char path[COMMIT_ERROR_PATH_MAX];
	char target[COMMIT_ERROR_PATH_MAX];
	char directory[COMMIT_ERROR_PATH_MAX];
	const char *name; /* last component of path */
};

/* A command, and what it keeps; between the two the command is printed. */
static void begin(const struct choice *choice, const char *title)
{
	fprintf(choice->out, "<dt>%s</dt>\n<dd><pre tabindex=\"0\"><code>", title);
}

static void end(const struct choice *choice, const char *keeps)
{
	fprintf(choice->out, "</code></pre>\n<p>%s</p></dd>\n", keeps);
}

/* The whole command in one: words and paths by turns, NULL at the end. */
static void print_command(const struct choice *choice, const char *const parts[])
{
	for (int i = 0; parts[i] != NULL; i++)
		if (i % 2 == 0)
			page_text(choice->out, parts[i]);
		else
			page_shell(choice->out, parts[i]);
}

static const char *as_owner(const struct choice *choice)
{
	return choice->page->options->as_owner ? "--as-owner " : "";
}

/* PATH of a transaction is ROOT/.commit/stage/TXN. */
static void cut_root(struct choice *choice)
{
	char *store = strstr(choice->directory, "/.commit/stage");

	for (char *next = store; next != NULL; next = strstr(next + 1, "/.commit/stage"))
		store = next;
	if (store != NULL)
		store[store == choice->directory] = '\0';
}

static void decide_transaction(struct choice *choice)
{
	char resolve[2][COMMIT_TXN_ID_SIZE + 64];

	cut_root(choice);
	snprintf(resolve[0], sizeof(resolve[0]), "commit-recover %s--resolve=%.31s:commit ",
	         as_owner(choice), choice->name);
	snprintf(resolve[1], sizeof(resolve[1]), "commit-recover %s--resolve=%.31s:abort ",
	         as_owner(choice), choice->name);
	begin(choice, "Look first");
	print_command(choice, (const char *const[]){"ls -lR ", choice->path, NULL});
	end(choice, "Changes nothing: <code>in-0</code>, <code>in-1</code> and so on are the new "
	            "contents that wait to be published. Compare them with what is there.");
	begin(choice, "Publish what was committed");
	print_command(choice, (const char *const[]){resolve[0], choice->directory, NULL});
	end(choice, "Keeps the commit. What others have written in its way is kept beside it, "
	            "as <code>name.theirs-TXN</code>.");
	begin(choice, "Take it back");
	print_command(choice, (const char *const[]){resolve[1], choice->directory, NULL});
	end(choice, "Keeps what others have written. What was published already is taken back by "
	            "a new transaction; an old version whose place is taken is kept as "
	            "<code>name.before-TXN</code>.");
}

/* Something that no command of ours decides: it is looked at, and then it goes. */
static void decide_by_hand(const struct choice *choice, const char *what, const char *keeps)
{
	begin(choice, "Look first");
	print_command(choice, (const char *const[]){"ls -lR ", what, NULL});
	end(choice, "Changes nothing.");
	begin(choice, "Remove it, once nothing in it is needed");
	print_command(choice, (const char *const[]){"rm -r ", what, NULL});
	end(choice, keeps);
}

static void save_content(const struct choice *choice, const char *title, const char *content,
                         const char *keeps)
{
	begin(choice, title);
	print_command(choice, (const char *const[]){"mv -n ", choice->path, " ", NULL});
	page_shell_with(choice->out, choice->target, ".journal");
	fprintf(choice->out, " &amp;&amp;\ncommit-save --from=%s ", content);
	page_shell(choice->out, choice->target);
	end(choice, keeps);
}

/* There are three versions; commit-journal(5) has the offsets. */
static void decide_in_place(const struct choice *choice)
{
	static const char *const extract[] = {
	        "u64() { od -An --endian=little -t u8 -j \"$1\" -N 8 \"$j\" | tr -d ' '; }",
	        "tail -c +$(($(u64 112) + 1)) \"$j\" | head -c \"$(u64 96)\" > content.old",
	        "tail -c +$(($(u64 120) + 1)) \"$j\" | head -c \"$(u64 104)\" > content.new",
	};

	begin(choice, "Look first");
	print_command(choice, (const char *const[]){"j=", choice->path, NULL});
	for (size_t i = 0; i < sizeof(extract) / sizeof(extract[0]); i++) {
		fputs("\n", choice->out);
		page_text(choice->out, extract[i]);
	}
	end(choice, "Changes nothing: takes what was there before the edit, and what it was to "
	            "become, out of the journal. Compare both with the file.");
	if (choice->target[0] == '\0')
		return;
	begin(choice, "Leave the file as it is now");
	print_command(choice, (const char *const[]){"mv -n ", choice->path, " ", NULL});
	page_shell_with(choice->out, choice->target, ".journal");
	end(choice, "Keeps all three: the file, and in the journal under its new name the other "
	            "two. The file can be saved again.");
	save_content(choice, "Take what the edit wrote", "content.new",
	             "Keeps what the edit was to write. What is there now is gone.");
	save_content(choice, "Take what was there before the edit", "content.old",
	             "Keeps the old content. What is there now is gone.");
}

static void decide_range(const struct choice *choice)
{
	begin(choice, "Look first");
	print_command(choice, (const char *const[]){"commit-range log ",
	                                            choice->target[0] != '\0' ? choice->target
	                                                                      : choice->path,
	                                            NULL});
	end(choice, "Changes nothing: lists the ranges and what recovery would do.");
	if (choice->target[0] == '\0')
		return;
	begin(choice, "Leave the file as it is now");
	print_command(choice, (const char *const[]){"mv -n ", choice->path, " ", NULL});
	page_shell_with(choice->out, choice->target, ".range");
	end(choice, "Keeps the file, and under the new name the log with the old and the new "
	            "content of its ranges.");
}

static void decide_displaced(const struct choice *choice)
{
	begin(choice, "Look first");
	print_command(choice, (const char *const[]){"ls -l ", choice->path, " && cat ",
	                                            choice->path, NULL});
	end(choice, "Changes nothing: it is a whole version of a file in this directory, as "
	            "somebody wrote it.");
	begin(choice, "Keep it under another name");
	print_command(choice, (const char *const[]){"mv -n ", choice->path, " ", NULL});
	page_shell_with(choice->out, choice->directory, "/displaced.kept");
	end(choice, "Keeps both versions. Compare, and save what is right.");
	begin(choice, "Remove it, once it is not needed");
	print_command(choice, (const char *const[]){"rm ", choice->path, NULL});
	end(choice, "Keeps the file that is there. This version of it is gone.");
}

static void decide_triple(const struct choice *choice)
{
	begin(choice, "Look first");
	print_command(choice,
	              (const char *const[]){"commit-triple status -r ", choice->directory, NULL});
	end(choice, "Changes nothing: tells of each copy what it is. Then name the three to "
	            "<code>commit-triple repair A B C</code>: the version that wins is kept.");
}

static void decide_store(const struct choice *choice, const char *path)
{
	begin(choice, "Look first");
	print_command(choice, (const char *const[]){"commit-recover --check ", path, NULL});
	end(choice, "Changes nothing: tells what is damaged. No transaction is committed there "
	            "until this is mended; restore the store from a backup, or move it away once "
	            "none of its transactions is needed.");
}

static void print_choices(struct choice *choice)
{
	const struct commit_finding *finding = choice->finding;

	fputs("<dl class=\"choices\">\n", choice->out);
	if (finding->kind == COMMIT_FOUND_TXN && finding->errnum == ENOTEMPTY)
		decide_by_hand(choice, choice->path, "Keeps the tree. What is in it is gone.");
	else if (finding->kind == COMMIT_FOUND_TXN && strncmp(choice->name, ".commit-", 8) == 0)
		decide_by_hand(choice, choice->path,
		               "Keeps the tree. It may have been the only copy of what a "
		               "transaction was to publish.");
	else if (finding->kind == COMMIT_FOUND_TXN)
		decide_transaction(choice);
	else if (finding->kind == COMMIT_FOUND_IN_PLACE)
		decide_in_place(choice);
	else if (finding->kind == COMMIT_FOUND_RANGE)
		decide_range(choice);
	else if (finding->kind == COMMIT_FOUND_TRIPLE)
		decide_triple(choice);
	else if (finding->kind == COMMIT_FOUND_STORE)
		decide_store(choice, choice->path);
	else
		decide_displaced(choice);
	fputs("</dl>\n", choice->out);
}

static void print_decision(FILE *out, const struct recover_page *page,
                           const struct recover_spool_record *record)
{
	struct choice choice = {.out = out, .page = page, .finding = &record->what.finding};
	const char *target = recover_spool_string(record, 1);
	char *slash;

	recover_page_absolute(page, recover_spool_string(record, 0), choice.path);
	if (*target != '\0')
		recover_page_absolute(page, target, choice.target);
	snprintf(choice.directory, sizeof(choice.directory), "%s", choice.path);
	slash = strrchr(choice.directory, '/');
	slash[slash == choice.directory] = '\0';
	choice.name = strrchr(choice.path, '/') + 1;
	fprintf(out, "<article>\n<h3>%s ", recover_page_kind(record->what.finding.kind));
	recover_page_path(out, page, *target != '\0' ? target : choice.path);
	fputs("</h3>\n<p>", out);
	page_text(out, recover_spool_string(record, 2));
	fputs("</p>\n", out);
	print_choices(&choice);
	fputs("</article>\n", out);
}

void recover_page_decide(FILE *out, const struct recover_page *page)
{
	const struct recover_spool_record *at = page->records->first;

	if (recover_page_count(page, RECOVER_GRADE_DECIDE) == 0)
		return;
	fputs("<section id=\"decide\">\n<h2>What a person must decide</h2>\n"
	      "<p>Nothing was lost or overwritten. Each case waits until one of its commands was "
	      "run by somebody who knows what is right.</p>\n",
	      out);
	for (; at != NULL; at = recover_spool_next(page->records, at))
		if (at->kind == RECOVER_SPOOL_FINDING &&
		    recover_page_grade(page, &at->what.finding) == RECOVER_GRADE_DECIDE)
			print_decision(out, page, at);
	fputs("</section>\n", out);
}
