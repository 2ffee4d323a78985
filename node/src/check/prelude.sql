-- What every check may read beside the records' own tables: names in the WITH of its queries. What a check does not name
-- costs nothing. `:self` is the union that runs the check, `:today` the day it judges as of. Before these stands
-- setting(name, since, until, value): the check's parameters, each with the days on which it holds.

-- Every union with every union above it, itself included, and the days for which that holds: all, until unions can change.
tree(above, below, since, until) AS NOT MATERIALIZED (
    SELECT above, code, -25567, 84005 FROM below
),
-- This union and all below it.
branch(code) AS NOT MATERIALIZED (
    SELECT t.below FROM tree t WHERE t.above = :self AND :today BETWEEN t.since AND t.until
),
-- Those directly below it.
child(code) AS MATERIALIZED (
    SELECT u.code FROM region u WHERE u.parent = :self
),
-- Itself, where no union of the directory is below it: nobody below answers to it, and it reads its own records, as
-- advice to itself. Numbers from a million on are townships and the like, which run no checks.
alone(code) AS MATERIALIZED (
    SELECT u.code FROM region u
    WHERE u.code = :self AND NOT EXISTS (SELECT 1 FROM region c WHERE c.parent = :self AND c.code < 1000000)
),
-- Whose records this union answers for where only one level reports: those directly below it, or its own.
answered_for(code) AS MATERIALIZED (
    SELECT code FROM child UNION ALL SELECT code FROM alone
),

-- Programmes. Where another union gave its own the id of one, that of the higher union is meant; of two of one level, that
-- of the lower number.
published AS MATERIALIZED (
    SELECT *
    FROM (SELECT p.*, row_number() OVER (PARTITION BY p.record ORDER BY u.level, u.code) AS copy
          FROM programme p JOIN region u ON u.code = p.owner) AS copies
    WHERE copy = 1
),
-- A programme is of one year, and may be replaced by a corrected one. `fund` is the first of those that replaced one another.
replaced(record, fund, publisher, code) AS (
    SELECT p.record, p.record, p.owner, p.code
    FROM programme p LEFT JOIN programme o ON o.record = p.replaces AND o.owner = p.owner
    WHERE o.record IS NULL
    UNION
    SELECT p.record, r.fund, r.publisher, r.code
    FROM replaced r JOIN programme p ON p.replaces = r.record AND p.owner = r.publisher
),
lineage AS MATERIALIZED (
    SELECT *
    FROM (SELECT r.*, row_number() OVER (PARTITION BY r.record ORDER BY u.level, u.code) AS copy
          FROM replaced r JOIN region u ON u.code = r.publisher) AS copies
    WHERE copy = 1
),

-- Filings of this branch that declare people (a cancellation, type 5, declares none), with the last word a union above had
-- on each.
answered AS MATERIALIZED (
    SELECT f.record, f.owner, f.type, f.year, f.census_on, f.funded_heads, f.supersedes,
           coalesce((SELECT v.action FROM filing_review v JOIN tree t ON t.above = v.owner AND t.below = f.owner
                     WHERE v.filing = f.record AND v.owner <> f.owner
                     ORDER BY v.record DESC LIMIT 1), 0) AS answer
    FROM filing f JOIN branch b ON b.code = f.owner
    WHERE f.type <> 5
),
-- Those that stand: neither sent back (2) nor superseded by one that was not. Of yearly filings (2), the last of the year
-- holds (n = 1); any other speaks for its own hires or changes.
standing AS MATERIALIZED (
    SELECT a.*, row_number() OVER (PARTITION BY a.owner, a.year, CASE WHEN a.type <> 2 THEN a.record END
                                   ORDER BY a.record DESC) AS n
    FROM answered a
    WHERE a.answer <> 2
      AND NOT EXISTS (SELECT 1 FROM answered s WHERE s.supersedes = a.record AND s.owner = a.owner AND s.answer <> 2)
),

-- The days off of each year, as this union and those above it last published them.
notice(record, owner, level, year) AS MATERIALIZED (
    SELECT c.record, c.owner, u.level, c.year
    FROM calendar c
    JOIN tree t ON t.above = c.owner AND t.below = :self AND :today BETWEEN t.since AND t.until
    JOIN region u ON u.code = c.owner
    WHERE NOT EXISTS (SELECT 1 FROM calendar l WHERE l.owner = c.owner AND l.year = c.year AND l.record > c.record)
),
-- The years whose days off are known whole. A region's notice may add a few of its own and leave the rest to the nation's;
-- one that speaks for the whole year names the National Day, 1 October, whoever published it.
covered(year) AS MATERIALIZED (
    SELECT n.year FROM notice n WHERE n.level = 0
    UNION
    SELECT n.year
    FROM notice n JOIN calendar_days d ON d.record = n.record AND d.owner = n.owner
    WHERE d.day = year_end(n.year) - 91 AND d.kind = 1
),
-- Where several speak of one day, the lowest of them holds: a region's own days off.
proclaimed(day, kind, place) AS MATERIALIZED (
    SELECT d.day, d.kind, row_number() OVER (PARTITION BY d.day ORDER BY n.level DESC, n.year DESC)
    FROM notice n JOIN calendar_days d ON d.record = n.record AND d.owner = n.owner
),
-- From 2010, before which nothing of this fund was paid.
span(day) AS (
    SELECT 14610
    UNION ALL
    SELECT day + 1 FROM span WHERE day < least(:today + 1100, 84005)
),
-- Of every day, how many working days there were up to it, and whether it is one (1). The n-th working day after a day is
-- the working day whose ordinal is larger by n. 1970-01-01 was a Thursday.
working_day(day, ordinal, works) AS MATERIALIZED (
    SELECT day, sum(works) OVER (ORDER BY day), works
    FROM (SELECT s.day,
                 CASE WHEN p.kind = 1 THEN 0 WHEN p.kind = 2 THEN 1 WHEN (s.day + 3) % 7 < 5 THEN 1 ELSE 0 END AS works
          FROM span s LEFT JOIN proclaimed p ON p.day = s.day AND p.place = 1) AS every_day
)
