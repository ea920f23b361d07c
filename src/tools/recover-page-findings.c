/* SPDX-License-Identifier: ISC */
#include <config.h>

#include "recover-page-internal.h"

#include "human.h"
#include "page-text.h"

#include <inttypes.h>
#include <string.h>

/* A page of more is not read; --json has them all. */
enum { ROWS_MAX = 1000 };

/* The sign is there for whom the colour is not. */
static const struct {
	const char *look, *sign, *word;
} grades[RECOVER_GRADES] = {
        [RECOVER_GRADE_DISASTER] = {"bad", "\u2716", "disaster"},
        [RECOVER_GRADE_DECIDE] = {"bad", "?", "to decide"},
        [RECOVER_GRADE_UNFINISHED] = {"warn", "!", "not finished"},
        [RECOVER_GRADE_LEAK] = {"warn", "\u25cb", "leak"},
        [RECOVER_GRADE_REPAIRED] = {"good", "\u2714", "repaired"},
        [RECOVER_GRADE_PLANNED] = {"calm", "\u2192", "planned"},
        [RECOVER_GRADE_LEFT] = {"calm", "\u2013", "left alone"},
};

bool recover_page_is_dry(const struct recover_page *page)
{
	return (page->options->scan.flags &
	        (COMMIT_RECOVER_DRY_RUN | COMMIT_RECOVER_CHECK | COMMIT_RECOVER_LIST)) != 0;
}

enum recover_grade recover_page_grade(const struct recover_page *page,
                                      const struct commit_finding *finding)
{
	switch (finding->decision) {
	case COMMIT_DECIDE_DISASTER:
		return RECOVER_GRADE_DISASTER;
	case COMMIT_DECIDE_CONFLICT:
		return RECOVER_GRADE_DECIDE;
	case COMMIT_DECIDE_LEAK:
		return RECOVER_GRADE_LEAK;
	default:
		break;
	}
	if (finding->code != COMMIT_OK)
		return RECOVER_GRADE_UNFINISHED;
	if (finding->done)
		return RECOVER_GRADE_REPAIRED;
	if (finding->decision == COMMIT_DECIDE_REMOVE ||
	    finding->decision == COMMIT_DECIDE_ROLL_FORWARD ||
	    finding->decision == COMMIT_DECIDE_TAKE_BACK)
		return recover_page_is_dry(page) ? RECOVER_GRADE_PLANNED : RECOVER_GRADE_UNFINISHED;
	return RECOVER_GRADE_LEFT;
}

uint64_t recover_page_count(const struct recover_page *page, enum recover_grade grade)
{
	const struct recover_spool_record *at = page->records->first;
	uint64_t count = 0;

	for (; at != NULL; at = recover_spool_next(page->records, at))
		count += at->kind == RECOVER_SPOOL_FINDING &&
		         recover_page_grade(page, &at->what.finding) == grade;
	return count;
}

const char *recover_page_kind(enum commit_finding_kind kind)
{
	switch (kind) {
	case COMMIT_FOUND_STAGED:
		return "Staged file";
	case COMMIT_FOUND_STAGE_DIR:
		return "Directory of a validator";
	case COMMIT_FOUND_IN_PLACE:
		return "Journal of an in-place edit";
	case COMMIT_FOUND_TXN:
		return "Transaction";
	case COMMIT_FOUND_STORE:
		return "Store";
	case COMMIT_FOUND_FILE:
		return "File";
	case COMMIT_FOUND_RANGE:
		return "Log of ranges edited in place";
	case COMMIT_FOUND_TRIPLE:
		return "Set of three copies";
	}
	return "Finding";
}

/* What was done, or what the next run does. */
static const char *outcome(const struct recover_page *page, const struct commit_finding *finding)
{
	enum recover_grade grade = recover_page_grade(page, finding);
	bool done = grade == RECOVER_GRADE_REPAIRED;

	if (grade == RECOVER_GRADE_UNFINISHED)
		return "Could not be done now; the next run tries again.";
	switch (finding->decision) {
	case COMMIT_DECIDE_LIVE:
		return "Left alone: its process lives.";
	case COMMIT_DECIDE_YOUNG:
		return "Left alone: not old enough.";
	case COMMIT_DECIDE_UNPROVEN:
		return "Left alone: not proven to be ours.";
	case COMMIT_DECIDE_FOREIGN:
		return "Left alone: belongs to another user.";
	case COMMIT_DECIDE_REMOVE:
		return done ? "Removed." : "A run that repairs removes it.";
	case COMMIT_DECIDE_ROLL_FORWARD:
		return done ? "Finished: the new content is in place."
		            : "A run that repairs finishes it.";
	case COMMIT_DECIDE_TAKE_BACK:
		return done ? "Taken back: the old content is in place again."
		            : "A run that repairs takes it back.";
	case COMMIT_DECIDE_BESIDE:
		return "Kept beside its path.";
	case COMMIT_DECIDE_CONFLICT:
		return "Nothing was touched; a person must decide.";
	case COMMIT_DECIDE_LEAK:
		return "Room that nobody uses or frees. A run without --check removes what is "
		       "proven to be ours.";
	case COMMIT_DECIDE_DISASTER:
		return "Content is lost, or may get lost. Nothing was touched.";
	}
	return "";
}

static void cell(FILE *out, const char *label)
{
	fprintf(out, "<td role=\"cell\" data-label=\"%s\">", label);
}

static void number_cell(FILE *out, const char *label, const char *number)
{
	fprintf(out, "<td role=\"cell\" data-label=\"%s\" class=\"number\">%s</td>\n", label,
	        number);
}

static void print_found(FILE *out, const struct recover_page *page,
                        const struct recover_spool_record *record)
{
	const char *target = recover_spool_string(record, 1);

	cell(out, "Found");
	fprintf(out, "<div><b>%s</b><br>", recover_page_kind(record->what.finding.kind));
	recover_page_path(out, page, recover_spool_string(record, 0));
	if (*target != '\0') {
		fputs("<br>for ", out);
		recover_page_path(out, page, target);
	}
	fputs("</div></td>\n", out);
}

static void print_outcome(FILE *out, const struct recover_page *page,
                          const struct recover_spool_record *record)
{
	const struct commit_finding *finding = &record->what.finding;

	cell(out, "Done");
	fprintf(out, "<div>%s", outcome(page, finding));
	if (finding->code != COMMIT_OK && finding->errnum != 0)
		fprintf(out, " <code>%s</code>", commit_errno_name(finding->errnum));
	fputs("<br><span class=\"dim\">", out);
	page_text(out, recover_spool_string(record, 2));
	if (finding->invariant > 0)
		fprintf(out, " (invariant %d: %s)", finding->invariant,
		        recover_invariant(finding->invariant));
	fputs("</span></div></td>\n", out);
}

static void print_row(FILE *out, const struct recover_page *page,
                      const struct recover_spool_record *record)
{
	const struct commit_finding *finding = &record->what.finding;
	enum recover_grade grade = recover_page_grade(page, finding);
	char text[HUMAN_SIZE];

	fputs("<tr role=\"row\">\n", out);
	cell(out, "Grade");
	fprintf(out,
	        "<span class=\"badge %s\"><span aria-hidden=\"true\">%s</span> %s</span></td>\n",
	        grades[grade].look, grades[grade].sign, grades[grade].word);
	print_found(out, page, record);
	print_outcome(out, page, record);
	number_cell(out, "Age", human_age(finding->age, text));
	number_cell(out, "Size", finding->size > 0 ? human_bytes(finding->size, text) : "\u2013");
	cell(out, "Owner");
	fputs("<span>", out);
	page_text(out, human_user(finding->owner, text));
	fputs("</span></td>\n</tr>\n", out);
}

void recover_page_findings(FILE *out, const struct recover_page *page)
{
	static const char *const heads[] = {"Grade", "Found", "Done", "Age", "Size", "Owner"};
	uint64_t rows = 0, count = 0;

	for (int grade = 0; grade < RECOVER_GRADES; grade++)
		count += recover_page_count(page, grade);
	fputs("<section id=\"findings\">\n<h2>Findings</h2>\n", out);
	if (count == 0) {
		fputs("<p>Nothing was left behind.</p>\n</section>\n", out);
		return;
	}
	fputs("<table role=\"table\" class=\"stack\">\n<caption>What was found, the gravest "
	      "first</caption>\n<thead role=\"rowgroup\"><tr role=\"row\">",
	      out);
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		fprintf(out, "<th role=\"columnheader\" scope=\"col\">%s</th>", heads[i]);
	fputs("</tr></thead>\n<tbody role=\"rowgroup\">\n", out);
	for (int grade = 0; grade < RECOVER_GRADES; grade++) {
		const struct recover_spool_record *at = page->records->first;

		for (; at != NULL && rows < ROWS_MAX; at = recover_spool_next(page->records, at))
			if (at->kind == RECOVER_SPOOL_FINDING &&
			    (int)recover_page_grade(page, &at->what.finding) == grade) {
				print_row(out, page, at);
				rows++;
			}
	}
	fputs("</tbody>\n</table>\n", out);
	if (rows < count)
		fprintf(out,
		        "<p>%" PRIu64
		        " more are not shown here; <code>--json</code> has all.</p>\n",
		        count - rows);
	fputs("</section>\n", out);
}
