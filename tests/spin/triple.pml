/* SPDX-License-Identifier: ISC */
/*
 * triple.pml - the protocol of three copies, for spin
 *
 * One process writes and reads, with a crash at every step; another lets copies
 * fail at any moment. Asserted: an answer is a content that may be given. Before
 * a write was acknowledged that is the old or the new one; from then on the new
 * one; and once an answer was given, that one, whatever fails next.
 *
 * What stands for what; triple.sh looks whether all of it is there
 *
 *     look_light        guess_copy in triple-look.c
 *     look_deep         compare_copy, find_recoverable in triple-look.c
 *     vote              lc_triple_vote in triple-vote.c
 *     find_top          find_top, is_valid in triple-vote.c
 *     never_came        never_came, is_waiting, is_unaware in triple-vote.c
 *     is_linked         is_linked, knows, same_version_fork in triple-vote.c
 *     lost_one          lost_one in triple-vote.c
 *     win               win, action_for in triple-vote.c
 *     settle            lc_triple_settle, run_batch in triple-settle.c
 *     name_old          name_old in triple-settle.c
 *     fill              fill, lc_triple_block, proves in triple-settle.c
 *     publish_settled_sides     lc_fresh_publish_sides in triple-stage.c
 *     publish_settled_contents  publish_batch in triple-settle.c
 *     read              look_and_settle, hand_all in triple-read.c
 *     raw_is_right      lc_triple_raw_vote in triple-vote.c
 *     is_calm           lc_triple_is_calm in triple-look.c
 *     write             settle_first, carry_out in triple-write.c
 *     number_version    number_version in triple-write.c
 *     name_before       name_before in triple-write.c
 *     publish_sides     lc_fresh_publish_sides in triple-stage.c
 *     publish           publish in triple-write.c
 *     rename_content    lc_fresh_publish in triple-stage.c
 *     flush             flush_directory in triple-stage.c
 *     make_version      lc_triple_entry in triple.h
 *
 * Staging, flushing and reading back what was staged change nothing that anybody
 * can see, and are no steps here. Contents have two blocks. A block says of which
 * content it is, 0: of none, for digests tell (the digest is taken to be perfect).
 *
 * Settings, from the environment of pan: FAULTS, CRASHES, WRITES, READS: how many of
 * each there may be. FRAGILE=1: a file system that keeps no promise about renames: a crash before the
 * flush may take the file. Refusals are no matter then, but by a crash alone the
 * lecture's rule stays right, which is what the order A, B, C is for.
 * DAMAGE_ONLY=1: no device brings back an older state that was whole; then the number
 * of faults does not matter.
 * WEAK=RAW, CONTENT_FIRST and so on weakens the protocol by one rule; triple.sh
 * demands that each is caught. That who knows a version (is_linked) matters only for
 * forks, which writes of a single copy make: test-triple-person has those.
 */

#define COPIES 3
#define VERSIONS 8
#define MIN_COPIES 2

c_decl {
	static unsigned long answers, refusals;
	static int registered;
	static void tell_counts(void)
	{
		printf("counted: %lu answers, %lu refusals\n", answers, refusals);
	}
	static unsigned char setting(const char *name)
	{
		static const char *const names[] = {"-", "RAW", "CONTENT_FIRST", "ANSWER_FIRST",
			"ANY_ORDER", "NO_LOST", "NO_ADVANCE", "ONE_SIDECAR"};
		const char *value = getenv(name);
		unsigned char i;

		for (i = 0; value && i < sizeof names / sizeof *names; i++)
			if (strcmp(value, names[i]) == 0)
				return i;
		return value ? (unsigned char)atoi(value) : 0;
	}
}

/* From the environment, so that one program does for all of them. */
byte most_faults, most_crashes, most_writes, most_reads;
bit fragile, damage_only;
byte weak;

#define RAW 1
#define CONTENT_FIRST 2
#define ANSWER_FIRST 3
#define ANY_ORDER 4
#define NO_LOST 5
#define NO_ADVANCE 6
#define ONE_SIDECAR 7

mtype:side = { GOOD, BAD, MISPLACED };
mtype:action = { KEEP, SIDECAR, CONTENT, NONE };
mtype:outcome = { WON, REFUSED, NEEDS_PERSON };

/* Versions that have come into being; 0 is none. */
byte made = 1;
byte number[VERSIONS];
byte text[VERSIONS];
byte parent[VERSIONS];
byte members[VERSIONS];

#define SAME(e, f) (number[e] == number[f] && text[e] == text[f])

/* A copy as processes see it, and what of it the device has for sure. */
typedef Side {
	mtype:side state;
	byte old;
	byte now
};
typedef Content {
	byte first;
	byte last;
	/* what size and time say */
	byte looks
};
typedef Copy {
	Side side, durable_side;
	Content content, durable;
	bit away;
	bit edited;
	/* a flush was acknowledged and not done */
	bit lied
};
Copy copies[COPIES];

/* Contents that may be the answer, one bit each. */
byte may = 2;
byte faults;
byte crashes;
bit person;
bit ended;

/* What a look has found, and what is to be done. */
byte holders[VERSIONS];
bit valid[VERSIONS];
mtype:outcome outcome;
byte top;
byte advance;
byte needed;
mtype:action action[COPIES];
bit doing[COPIES];

/* For use within one step. */
hidden byte i, j, k, n, e, waiting, unaware, highest, bits;
hidden byte yes;

#define BIT(x) (1 << (x))
#define COUNT(mask) (((mask) & 1) + (((mask) >> 1) & 1) + (((mask) >> 2) & 1))
#define IS_GOOD(c) (!copies[c].away && copies[c].side.state == GOOD)
#define HOLDS(c, v) ((v) && (holders[v] >> (c)) & 1)
#define NAMES(c, v) \
	(IS_GOOD(c) && ((copies[c].side.now && SAME(copies[c].side.now, v)) || \
	                (copies[c].side.old && SAME(copies[c].side.old, v))))
#define FOR_COPIES(c) for (c : 0 .. COPIES - 1)
#define FOR_VERSIONS(v) for (v : 1 .. made)

/* --- looking --- */

/* recoverable is told by valid[], until vote decides about it */
inline look_deep()
{
	FOR_VERSIONS (e) {
		holders[e] = 0;
		bits = 0;
		FOR_COPIES (i) {
			if
			:: !copies[i].away && copies[i].content.first == text[e] -> bits = bits | 1
			:: else
			fi;
			if
			:: !copies[i].away && copies[i].content.last == text[e] -> bits = bits | 2
			:: else
			fi;
			if
			:: !copies[i].away && copies[i].content.first == text[e] &&
			   copies[i].content.last == text[e] -> holders[e] = holders[e] | BIT(i)
			:: else
			fi
		}
		valid[e] = bits == 3
	}
}

/* Size and time are those of one of the two versions that the copy's sidecar names. */
inline look_light()
{
	FOR_VERSIONS (e) {
		holders[e] = 0;
		FOR_COPIES (i) {
			if
			:: IS_GOOD(i) && copies[i].content.looks == text[e] &&
			   (text[copies[i].side.now] == text[e] || text[copies[i].side.old] == text[e]) ->
				holders[e] = holders[e] | BIT(i)
			:: else
			fi
		}
		valid[e] = holders[e] != 0
	}
}

/* yes: somebody who took part in it did not get it, so nobody was told that it is done */
inline never_came(v)
{
	waiting = 0;
	unaware = 0;
	FOR_COPIES (i) {
		j = copies[i].side.now;
		if
		:: IS_GOOD(i) && (members[v] >> i) & 1 && j && SAME(j, v) &&
		   HOLDS(i, copies[i].side.old) && !HOLDS(i, v) -> waiting++
		:: else
		fi;
		if
		:: IS_GOOD(i) && (members[v] >> i) & 1 && !NAMES(i, v) && HOLDS(i, j) &&
		   number[j] < number[v] -> unaware++
		:: else
		fi
	}
	yes = waiting >= 1 || unaware >= 2
}

inline is_candidate(v)
{
	yes = NAMES(0, v) || NAMES(1, v) || NAMES(2, v)
}

inline find_top()
{
	top = 0;
	highest = 0;
	FOR_VERSIONS (e) {
		is_candidate(e);
		if
		:: !yes -> valid[e] = 0
		:: else ->
			if
			:: number[e] > highest -> highest = number[e]
			:: else
			fi;
			if
			:: valid[e] && !holders[e] ->
				never_came(e);
				valid[e] = !yes
			:: else
			fi;
			if
			:: valid[e] && (top == 0 || number[e] > number[top]) -> top = e
			:: else
			fi
		fi
	}
}

/* yes: another sidecar knows it, or the version it was made of, and no other has its number */
inline is_linked()
{
	n = 0;
	bits = 0;
	FOR_COPIES (i) {
		if
		:: IS_GOOD(i) ->
			n++;
			j = copies[i].side.now;
			k = copies[i].side.old;
			if
			:: NAMES(i, top) || (parent[top] && j && SAME(parent[top], j)) ||
			   (parent[top] && k && SAME(parent[top], k)) -> bits++
			:: else
			fi
		:: else
		fi
	}
	yes = COUNT(holders[top]) >= 2 || bits >= 2 || n < 2;
	FOR_VERSIONS (e) {
		if
		:: valid[e] && number[e] == number[top] && text[e] != text[top] -> yes = 0
		:: else
		fi
	}
}

/* yes: one above top may have been acknowledged, and is nowhere */
inline lost_one()
{
	n = 0;
	FOR_VERSIONS (e) {
		is_candidate(e);
		if
		:: yes && number[e] > number[top] ->
			never_came(e);
			if
			:: !yes -> n = 1
			:: else
			fi
		:: else
		fi
	}
	yes = n && weak != NO_LOST
}

inline win()
{
	outcome = WON;
	advance = (highest > number[top] && weak != NO_ADVANCE -> highest + 1 : 0);
	FOR_COPIES (i) {
		if
		:: copies[i].away -> action[i] = NONE
		:: !copies[i].away && !HOLDS(i, top) -> action[i] = CONTENT
		:: !copies[i].away && HOLDS(i, top) &&
		   (advance || !IS_GOOD(i) || !copies[i].side.now || !SAME(copies[i].side.now, top)) ->
			action[i] = SIDECAR
		:: else -> action[i] = KEEP
		fi
	}
	needed = (COUNT(holders[top]) == COPIES -> 0 : MIN_COPIES)
}

inline vote()
{
	outcome = REFUSED;
	advance = 0;
	needed = 0;
	find_top();
	n = 0;
	yes = 0;
	FOR_COPIES (i) {
		action[i] = KEEP;
		n = n + IS_GOOD(i);
		yes = yes || (copies[i].edited && !copies[i].away)
	}
	if
	:: yes -> outcome = NEEDS_PERSON
	:: !yes && n >= (weak == ONE_SIDECAR -> 1 : MIN_COPIES) && top ->
		is_linked();
		if
		:: yes ->
			lost_one();
			if
			:: !yes -> win()
			:: else
			fi
		:: else
		fi
	:: else
	fi
}

/* What is left of a look when nobody needs it any more: nothing, to keep states few. */
inline forget()
{
	FOR_COPIES (i) {
		action[i] = KEEP;
		doing[i] = 0
	}
	for (e : 1 .. VERSIONS - 1) {
		holders[e] = 0;
		valid[e] = 0
	}
	top = 0;
	advance = 0;
	needed = 0;
	outcome = REFUSED
}

/* --- steps on one copy --- */

inline rename_side(c, o, v)
{
	printf("%c: sidecar %d, %d\n", 'A' + c, number[o], number[v]);
	copies[c].side.state = GOOD;
	copies[c].side.old = o;
	copies[c].side.now = v
}

inline rename_content(c, v)
{
	printf("%c: content %d\n", 'A' + c, text[v]);
	copies[c].content.first = text[v];
	copies[c].content.last = text[v];
	copies[c].content.looks = text[v];
	copies[c].edited = 0
}

/* The device has it from here on; or says so, or says that it has failed, and nobody knows. */
inline flush(c)
{
	if
	:: copies[c].away -> doing[c] = 0
	:: !copies[c].away ->
		copies[c].durable_side.state = copies[c].side.state;
		copies[c].durable_side.old = copies[c].side.old;
		copies[c].durable_side.now = copies[c].side.now;
		copies[c].durable.first = copies[c].content.first;
		copies[c].durable.last = copies[c].content.last;
		copies[c].durable.looks = copies[c].content.looks
	:: !copies[c].away && faults < most_faults && !damage_only ->
		printf("%c: flush is acknowledged only\n", 'A' + c);
		faults++;
		copies[c].lied = 1
	:: !copies[c].away && faults < most_faults ->
		printf("%c: flush fails\n", 'A' + c);
		faults++;
		doing[c] = 0
	fi
}

/* Of what was not flushed any part may be there when the power is back. */
inline lose(c)
{
	if
	:: copies[c].side.state = copies[c].durable_side.state;
	   copies[c].side.old = copies[c].durable_side.old;
	   copies[c].side.now = copies[c].durable_side.now
	:: skip
	:: fragile && copies[c].side.now != copies[c].durable_side.now ->
	   copies[c].side.state = BAD
	fi;
	if
	:: copies[c].content.first = copies[c].durable.first;
	   copies[c].content.last = copies[c].durable.last;
	   copies[c].content.looks = copies[c].durable.looks
	:: skip
	:: fragile && copies[c].content.looks != copies[c].durable.looks ->
	   printf("%c: content is lost\n", 'A' + c);
	   copies[c].content.first = 0;
	   copies[c].content.last = 0;
	   copies[c].content.looks = 0
	fi;
	copies[c].durable_side.state = copies[c].side.state;
	copies[c].durable_side.old = copies[c].side.old;
	copies[c].durable_side.now = copies[c].side.now;
	copies[c].durable.first = copies[c].content.first;
	copies[c].durable.last = copies[c].content.last;
	copies[c].durable.looks = copies[c].content.looks;
	copies[c].lied = 0
}

#define CRASH_OR_GO_ON \
	if \
	:: crashes < most_crashes -> goto crash \
	:: skip \
	fi

inline make_version(v, t, made_of, who)
{
	made++;
	assert(made < VERSIONS);
	number[made] = v;
	text[made] = t;
	parent[made] = made_of;
	members[made] = who
}

/* Where a write and a settling stand. */
byte winner, wanted, part, touched, sure, whole, unproved;
bit settled;
/* so many faults there were when the read began */
byte faults_before;

/* --- settling --- */

/* k: the version that the copy's sidecar names as the one before */
inline name_old(c)
{
	k = 0;
	if
	:: IS_GOOD(c) ->
		k = (number[copies[c].side.now] < number[winner] -> copies[c].side.now : copies[c].side.old)
	:: else
	fi;
	FOR_VERSIONS (e) {
		if
		:: HOLDS(c, e) && number[e] < number[winner] && !HOLDS(c, copies[c].side.now) -> k = e
		:: else
		fi
	}
	if
	:: k && number[k] >= number[winner] -> k = 0
	:: else
	fi
}

/* yes: each block is still good somewhere */
inline fill()
{
	bits = 0;
	FOR_COPIES (i) {
		if
		:: !copies[i].away && copies[i].content.first == text[winner] -> bits = bits | 1
		:: else
		fi;
		if
		:: !copies[i].away && copies[i].content.last == text[winner] -> bits = bits | 2
		:: else
		fi
	}
	yes = bits == 3
}

/* Those of one action: what they get is staged. */
inline collect(what)
{
	fill();
	FOR_COPIES (i) {
		doing[i] = action[i] == what && !copies[i].away && (what == SIDECAR || yes)
	}
}

inline publish_settled_sides()
{
	FOR_COPIES (c) {
		atomic {
			if
			:: doing[c] && copies[c].away -> doing[c] = 0
			:: doing[c] && !copies[c].away ->
				skip;
				d_step {
					name_old(c);
					rename_side(c, k, winner)
				}
			:: else
			fi
		};
		CRASH_OR_GO_ON
	}
	FOR_COPIES (c) {
		atomic {
			if
			:: doing[c] -> flush(c)
			:: else
			fi
		};
		CRASH_OR_GO_ON
	}
}

inline publish_settled_contents()
{
	whole = COUNT(holders[top]);
	unproved = 0;
	FOR_COPIES (c) {
		atomic {
			if
			:: doing[c] && (copies[c].away || (!whole && unproved)) -> doing[c] = 0
			:: doing[c] && !copies[c].away && (whole || !unproved) -> rename_content(c, winner)
			:: else
			fi
		};
		CRASH_OR_GO_ON;
		atomic {
			if
			:: doing[c] ->
				flush(c);
				if
				:: doing[c] -> whole++
				:: else -> unproved++
				fi
			:: else
			fi
		};
		CRASH_OR_GO_ON
	}
}

/* A copy that was brought up counts as one that was in order. */
inline note_settled()
{
	FOR_COPIES (i) {
		if
		:: doing[i] -> action[i] = KEEP
		:: else
		fi;
		doing[i] = 0
	}
}

inline settle()
{
	skip;
	d_step {
		if
		:: advance ->
			bits = 0;
			FOR_COPIES (i) {
				if
				:: action[i] != NONE -> bits = bits | BIT(i)
				:: else
				fi
			}
			make_version(advance, text[top], top, bits);
			winner = made
		:: else -> winner = top
		fi;
		collect(CONTENT)
	};
	if
	:: doing[0] || doing[1] || doing[2] ->
		publish_settled_sides();
		publish_settled_contents()
	:: else
	fi;
	skip;
	d_step {
		note_settled();
		collect(SIDECAR)
	};
	if
	:: doing[0] || doing[1] || doing[2] -> publish_settled_sides()
	:: else
	fi;
	skip;
	d_step {
		note_settled();
		n = (action[0] == KEEP) + (action[1] == KEEP) + (action[2] == KEEP);
		settled = n >= needed
	}
}

/* --- reading --- */

/* lc_triple_raw_vote, the lecture's rule: whole contents, majority, else A. */
inline raw_is_right()
{
	k = COPIES;
	FOR_COPIES (i) {
		for (j : i + 1 .. COPIES - 1) {
			if
			:: k == COPIES && !copies[i].away && !copies[j].away &&
			   copies[i].content.first == copies[j].content.first &&
			   copies[i].content.last == copies[j].content.last &&
			   copies[i].content.first -> k = i
			:: else
			fi
		}
	}
	k = (k == COPIES -> 0 : k);
	assert(copies[k].content.first == copies[k].content.last && copies[k].content.first &&
	       (may >> copies[k].content.first) & 1)
}

/*
 * One fault, and a crash with it, always leave an answer, unless it came between the
 * look and the answer: then the next read has one. An edit is a person's.
 */
inline refuse()
{
	printf("refused\n");
	assert(faults >= 2 || person || faults > faults_before || fragile);
	c_code { refusals++; }
}

inline answer()
{
	skip;
	d_step {
		fill();
		if
		:: yes ->
			printf("answer %d, may be %d\n", text[winner], may);
			assert(text[winner] && (may >> text[winner]) & 1);
			may = BIT(text[winner]);
			c_code { answers++; }
		:: else -> refuse()
		fi
	}
}

inline read_raw()
{
	skip;
	d_step {
		raw_is_right();
		may = BIT(copies[k].content.first)
	}
}

inline read()
{
	skip;
	d_step {
		faults_before = faults;
		look_deep();
		vote();
		printf("look: version %d\n", number[top])
	};
	if
	:: outcome == WON && weak == ANSWER_FIRST ->
		winner = top;
		answer();
		settle()
	:: outcome == WON && weak != ANSWER_FIRST ->
		settle();
		if
		:: settled -> answer()
		:: else -> d_step { refuse() }
		fi
	:: outcome == NEEDS_PERSON -> d_step { assert(person) }
	:: outcome == REFUSED -> d_step { refuse() }
	fi;
	skip;
	d_step {
		forget();
		faults_before = 0;
		winner = 0
	}
}

/* --- writing --- */

inline is_calm()
{
	yes = outcome == WON && !advance;
	FOR_COPIES (i) {
		yes = yes && (action[i] == KEEP || action[i] == NONE)
	}
}

/* k: what the copy holds until it is renamed */
inline name_before(c)
{
	k = 0;
	if
	:: HOLDS(c, copies[c].side.now) && IS_GOOD(c) -> k = copies[c].side.now
	:: else ->
		if
		:: HOLDS(c, copies[c].side.old) && IS_GOOD(c) -> k = copies[c].side.old
		:: else
		fi
	fi
}

inline number_version(t)
{
	bits = 0;
	FOR_COPIES (i) {
		doing[i] = !copies[i].away && action[i] == KEEP;
		bits = bits | (doing[i] << i)
	}
	highest = 0;
	FOR_VERSIONS (e) {
		is_candidate(e);
		if
		:: yes && number[e] > highest -> highest = number[e]
		:: else
		fi
	}
	if
	:: COUNT(bits) >= wanted -> make_version(highest + 1, t, top, bits)
	:: else
	fi;
	part = COUNT(bits);
	winner = made
}

#define TAKING_PART (doing[0] + doing[1] + doing[2])

inline publish_sides()
{
	FOR_COPIES (c) {
		atomic {
			if
			:: doing[c] && copies[c].away -> doing[c] = 0
			:: doing[c] && !copies[c].away ->
				skip;
				d_step {
					name_before(c);
					rename_side(c, k, winner)
				}
			:: else
			fi
		};
		CRASH_OR_GO_ON
	}
	FOR_COPIES (c) {
		atomic {
			if
			:: doing[c] -> flush(c)
			:: else
			fi
		};
		CRASH_OR_GO_ON
	}
}

inline flush_content(c)
{
	atomic {
		if
		:: doing[c] ->
			flush(c);
			sure = sure + doing[c]
		:: else
		fi
	}
}

inline publish(t)
{
	FOR_COPIES (c) {
		atomic {
			if
			:: doing[c] && (copies[c].away || (!sure && touched && touched + 1 >= part)) ->
				doing[c] = 0
			:: doing[c] && !copies[c].away && !(!sure && touched && touched + 1 >= part) ->
				if
				:: touched || TAKING_PART >= wanted ->
					rename_content(c, winner);
					may = may | BIT(t);
					touched++
				:: else -> doing[c] = 0
				fi
			:: else
			fi
		};
		CRASH_OR_GO_ON;
		if
		:: weak != ANY_ORDER -> flush_content(c)
		:: else
		fi;
		CRASH_OR_GO_ON
	}
	FOR_COPIES (c) {
		if
		:: weak == ANY_ORDER -> flush_content(c)
		:: else
		fi
	}
}

inline write(t)
{
	if
	:: wanted = 3
	:: wanted = 2
	fi;
	skip;
	d_step {
		look_light();
		vote();
		is_calm();
		if
		:: !yes ->
			look_deep();
			vote()
		:: else
		fi
	};
	d_step { is_calm(); settled = yes };
	if
	:: outcome == WON && !settled ->
		settle();
		skip;
		d_step {
			look_deep();
			vote()
		}
	:: else
	fi;
	if
	:: outcome == WON && settled ->
		d_step { number_version(t) };
		if
		:: part >= wanted ->
			touched = 0;
			sure = 0;
			if
			:: weak != CONTENT_FIRST -> publish_sides()
			:: else
			fi;
			if
			:: TAKING_PART >= wanted -> publish(t)
			:: else
			fi;
			if
			:: weak == CONTENT_FIRST -> publish_sides(); sure = TAKING_PART
			:: else
			fi;
			/* Acknowledged if every member got it. */
			if
			:: sure == part ->
				printf("acknowledged %d\n", t);
				may = BIT(t)
			:: else
			fi
		:: else
		fi
	:: else
	fi;
	skip;
	d_step {
		forget();
		winner = 0;
		touched = 0;
		sure = 0;
		part = 0;
		wanted = 0;
		settled = 0
	}
}

/* --- the two processes --- */

active proctype machine()
{
	byte reads, writes, c;

	c_code {
		if (!registered++)
			atexit(tell_counts);
		now.most_faults = setting("FAULTS");
		now.most_crashes = setting("CRASHES");
		now.most_writes = setting("WRITES");
		now.most_reads = setting("READS");
		now.fragile = setting("FRAGILE");
		now.damage_only = setting("DAMAGE_ONLY");
		now.weak = setting("WEAK");
	};
	skip;
	d_step {
		number[1] = 1;
		text[1] = 1;
		members[1] = 7;
		FOR_COPIES (i) {
			copies[i].side.state = GOOD;
			copies[i].side.now = 1;
			copies[i].content.first = 1;
			copies[i].content.last = 1;
			copies[i].content.looks = 1;
			copies[i].durable_side.state = GOOD;
			copies[i].durable_side.now = 1;
			copies[i].durable.first = 1;
			copies[i].durable.last = 1;
			copies[i].durable.looks = 1
		}
	}
again:
	do
	:: writes < most_writes ->
		writes++;
		write(1 + writes)
	:: writes == most_writes && reads < most_reads ->
		/* Also between the acknowledgement and the first read, and between reads. */
		CRASH_OR_GO_ON;
		reads++;
		if
		:: weak == RAW -> read_raw()
		:: weak != RAW -> read()
		fi
	:: writes == most_writes && reads == most_reads -> break
	od;
	goto over;
crash:
	atomic {
		printf("crash\n");
		crashes++;
		lose(0);
		lose(1);
		lose(2);
		d_step {
			if
			:: fragile && faults == 0 -> raw_is_right()
			:: else
			fi
		};
		forget();
		winner = 0;
		touched = 0;
		sure = 0;
		part = 0;
		wanted = 0;
		whole = 0;
		unproved = 0;
		settled = 0;
		faults_before = 0;
		c = 0
	};
	goto again;
over:
	ended = 1
}

/* The six failures of flash, and what persons do. */
inline strike(c)
{
	if
	/* bit corruption: in a block of the content, in the sidecar */
	:: copies[c].content.first = 0; copies[c].durable.first = 0;
	   printf("%c: first block rots\n", 'A' + c)
	:: copies[c].content.last = 0; copies[c].durable.last = 0;
	   printf("%c: last block rots\n", 'A' + c)
	:: copies[c].side.state = BAD; copies[c].durable_side.state = BAD;
	   printf("%c: sidecar rots\n", 'A' + c)
	/* shorn write: the end is that of an older one */
	:: copies[c].content.last = 1; copies[c].durable.last = 1;
	   printf("%c: last block is of 1\n", 'A' + c)
	/* flying write: somebody else's over both, and another copy with its sidecar */
	:: copies[c].content.first = 0; copies[c].content.last = 0; copies[c].side.state = BAD;
	   copies[c].durable.first = 0; copies[c].durable.last = 0; copies[c].durable_side.state = BAD;
	   printf("%c: overwritten\n", 'A' + c)
	:: copies[c].side.state = MISPLACED; copies[c].durable_side.state = MISPLACED;
	   copies[c].content.first = copies[(c + 1) % COPIES].content.first;
	   copies[c].content.last = copies[(c + 1) % COPIES].content.last;
	   copies[c].content.looks = copies[(c + 1) % COPIES].content.looks;
	   copies[c].durable.first = copies[c].content.first;
	   copies[c].durable.last = copies[c].content.last;
	   copies[c].durable.looks = copies[c].content.looks;
	   printf("%c: is the next one's\n", 'A' + c)
	/* metadata corruption: the name is gone */
	:: copies[c].content.first = 0; copies[c].content.last = 0; copies[c].content.looks = 0;
	   copies[c].durable.first = 0; copies[c].durable.last = 0; copies[c].durable.looks = 0;
	   printf("%c: content is gone\n", 'A' + c)
	/* dead device; it may come back */
	:: copies[c].away = 1; printf("%c: away\n", 'A' + c)
	/* unserializable writes: see flush. A backup that somebody restored: */
	:: !damage_only ->
	   copies[c].side.state = GOOD; copies[c].side.old = 0; copies[c].side.now = 1;
	   copies[c].content.first = 1; copies[c].content.last = 1; copies[c].content.looks = 1;
	   copies[c].durable_side.state = GOOD; copies[c].durable_side.old = 0;
	   copies[c].durable_side.now = 1; copies[c].durable.first = 1;
	   copies[c].durable.last = 1; copies[c].durable.looks = 1;
	   printf("%c: from a backup\n", 'A' + c)
	/* edited by hand */
	:: copies[c].content.first = 0; copies[c].content.last = 0; copies[c].content.looks = 0;
	   copies[c].durable.first = 0; copies[c].durable.last = 0; copies[c].durable.looks = 0;
	   copies[c].edited = 1; person = 1; printf("%c: edited\n", 'A' + c)
	fi
}

active proctype world()
{
	byte c;

	do
	:: atomic {
		faults < most_faults && !ended ->
		if
		:: c = 0
		:: c = 1
		:: c = 2
		fi;
		faults++;
		strike(c);
		c = 0
	   }
	:: atomic {
		(copies[0].away || copies[1].away || copies[2].away) && !ended ->
		if
		:: copies[0].away -> copies[0].away = 0
		:: copies[1].away -> copies[1].away = 0
		:: copies[2].away -> copies[2].away = 0
		fi
	   }
	/* What was acknowledged and not done is found out at any time. */
	:: atomic {
		(copies[0].lied || copies[1].lied || copies[2].lied) && !ended ->
		if
		:: copies[0].lied -> lose(0)
		:: copies[1].lied -> lose(1)
		:: copies[2].lied -> lose(2)
		fi
	   }
	:: ended -> break
	od
}
