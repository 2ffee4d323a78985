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

-- A programme is of one year, and may be replaced by a corrected one. `fund` is the first of those that replaced one another.
lineage(record, fund, publisher, code) AS MATERIALIZED (
    SELECT p.record, p.record, p.owner, p.code
    FROM programme p LEFT JOIN programme o ON o.record = p.replaces AND o.owner = p.owner
    WHERE o.record IS NULL
    UNION
    SELECT p.record, l.fund, l.publisher, l.code
    FROM lineage l JOIN programme p ON p.replaces = l.record AND p.owner = l.publisher
),

-- The days off of each year, as this union and those above it last published them.
notice(record, owner, level, year) AS MATERIALIZED (
    SELECT c.record, c.owner, u.level, c.year
    FROM calendar c
    JOIN tree t ON t.above = c.owner AND t.below = :self AND :today BETWEEN t.since AND t.until
    JOIN region u ON u.code = c.owner
    WHERE NOT EXISTS (SELECT 1 FROM calendar l WHERE l.owner = c.owner AND l.year = c.year AND l.record > c.record)
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
