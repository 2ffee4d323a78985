-- id: FC-06
-- version: 2
-- title_zh: 申报人数多于可核实人数
-- title_en: More heads declared than can be verified
-- clause_zh: 总工发〔2019〕19号 七（四）：“虚报聘用专职集体协商指导员人数的，全国总工会将停拨该专项经费”；五（二）2：“统一培训、考试合格后颁发聘任证书，登记注册、建立档案，报上级工会备案”
-- clause_en: General Union Doc. 19 (2019), 7(4): where the number of full-time mediators is overstated, the fund is stopped; 5(2)2: certificates follow training and examination, and engagements are filed with the union above
-- severity: red
-- family: B2
-- levels: province, city, county
-- parameter: months = 1 : 截止日所在月前后各看几个月的薪酬 | months of pay looked at on either side of the census month
-- result: declared number : 申报人数 | heads declared
-- result: verified number : 可核实人数 | heads verified
-- result: named number : 名册所列人数 | heads on the roster
-- result: not_in_post number : 当日不在聘 | not in post that day
-- result: no_certificate number : 无当日有效聘任证书 | no certificate of appointment valid that day
-- result: no_pay number : 前后月份无薪酬 | no pay around that month
-- innocent_zh: 薪酬年终补发；按年结算；新聘人员待考发证；证书或支出尚未同步；证书由更上一级颁发，本级看不到
-- innocent_en: pay in arrears; yearly settlement; new staff waiting for the examination; certificates or payments not synced; a certificate of a level above, which is not seen here

-- The union directly above the filer reports, where it holds the dossiers: a city or a province, never the nation. A
-- union with none below it reads its own filings, as advice to itself.
-- A filing speaks for the engagements its roster lists, wherever in the filer's branch they stand; so a province's or
-- city's filing is held against its own roster and never against a count of the branch.
-- A + before a column keeps SQLite off its index, which would narrow nothing here.
WITH
-- The filings of the unions directly below that declare heads, with the last word a union above them had.
answered AS MATERIALIZED (
    SELECT f.record, f.owner, f.type, f.year, f.census_on, f.funded_heads, f.supersedes,
           coalesce((SELECT v.action FROM filing_review v JOIN below b ON b.above = v.owner AND b.code = f.owner
                     WHERE v.filing = f.record AND v.owner <> f.owner
                     ORDER BY v.record DESC LIMIT 1), 0) AS answer
    FROM filing f
    JOIN region u ON u.code = f.owner
    WHERE (u.parent = :self OR (u.code = :self AND NOT EXISTS (SELECT 1 FROM region c WHERE c.parent = :self AND c.code < 1000000)))
      AND f.type <> 5
),
-- Neither sent back (2) nor superseded by one that was not. Of yearly filings (2), the last of the year holds; any
-- other speaks for its own hires or changes.
live AS (
    SELECT a.*,
           row_number() OVER (PARTITION BY a.owner, a.year, iif(a.type = 2, NULL, a.record) ORDER BY a.record DESC) AS n
    FROM answered a
    WHERE a.answer <> 2
      AND NOT EXISTS (SELECT 1 FROM answered s WHERE s.supersedes = a.record AND s.owner = a.owner AND s.answer <> 2)
),
latest AS (
    SELECT record, owner, census_on, funded_heads, month_end(month_of(census_on) + :months) AS judge_by,
           month_of(census_on) - :months AS from_month, month_of(census_on) + :months AS to_month
    FROM live
    WHERE n = 1 AND funded_heads > 0 AND month_end(month_of(census_on) + :months) < :today
),
-- The heads it declares for the fund, with the engagement as it stands now, if it is one of the filer's branch.
-- A filing that lists nobody gives one row without a line.
head AS (
    SELECT f.*, r.line, r.engagement, e.record IS NOT NULL AS known, e.owner AS engager,
           coalesce(e.mediator, r.mediator) AS mediator, coalesce(m.id_no_index, e.mediator, r.mediator) AS person,
           e.contract_no, e.provider_uscc, e.channel,
           -- One that is suspended now still counts on a day its dates cover.
           EXISTS (SELECT 1 FROM in_post_or_suspended p WHERE p.record = e.record AND p.owner = e.owner
                   AND p.employment = 1 AND f.census_on BETWEEN p.starts_on AND p.until) AS in_post
    FROM latest f
    LEFT JOIN filing_roster r ON r.record = f.record AND r.owner = f.owner AND r.funded = 1 AND r.employment = 1
    LEFT JOIN engagement e ON e.record = r.engagement
        AND EXISTS (SELECT 1 FROM below b WHERE b.above = f.owner AND b.code = e.owner)
    LEFT JOIN mediator m ON m.record = coalesce(e.mediator, r.mediator)
),
-- One person may have several dossiers; certificates and pay of any of them prove.
proved AS MATERIALIZED (
    SELECT h.*,
           -- 五（二）2 binds from the city down; a province may choose directly.
           EXISTS (SELECT 1 FROM region u WHERE u.code = h.engager AND u.level <= 1)
           OR EXISTS (
               SELECT 1 FROM certificate c
               WHERE c.mediator IN (SELECT h.mediator UNION SELECT m.record FROM mediator m WHERE m.id_no_index = h.person)
                 AND c.type = 1 AND h.census_on BETWEEN c.issued_on AND coalesce(c.expires_on, h.census_on)
                 AND (c.status <> 3 OR c.revoked_on > h.census_on)) AS certified,
           -- A live line of pay (1) or for a post or service (10) to the person; where a post or service is purchased
           -- (channels 2a, 3a, 3b), also one under the engagement's contract or to its provider.
           EXISTS (
               SELECT 1 FROM expenditure x
               WHERE x.payee_mediator IN (SELECT h.mediator
                                          UNION SELECT m.record FROM mediator m WHERE m.id_no_index = h.person)
                 AND x.category IN (1, 10) AND +x.reverses IS NULL
                 AND coalesce(x.service_month, month_of(x.paid_on)) BETWEEN h.from_month AND h.to_month
                 AND x.amount + coalesce((SELECT sum(r.amount) FROM expenditure r
                                          WHERE r.reverses = x.record AND +r.owner = x.owner), 0) > 0)
           OR (h.channel IN (2, 4, 5) AND EXISTS (
               SELECT 1 FROM expenditure x
               WHERE x.owner = h.engager AND x.category = 10 AND +x.reverses IS NULL
                 AND (x.contract_no = h.contract_no OR x.payee_uscc = h.provider_uscc)
                 AND coalesce(x.service_month, month_of(x.paid_on)) BETWEEN h.from_month AND h.to_month
                 AND x.amount + coalesce((SELECT sum(r.amount) FROM expenditure r
                                          WHERE r.reverses = x.record AND +r.owner = x.owner), 0) > 0)) AS paid
    FROM head h
),
-- One row a filing. Of unions, only those whose later data could still prove a head: the filer, and who engaged the
-- unproved ones.
verdict AS (
    SELECT record, owner, census_on, judge_by, funded_heads AS declared,
           count(DISTINCT iif(in_post AND certified AND paid, person, NULL)) AS verified,
           count(DISTINCT person) AS named,
           count(*) FILTER (WHERE NOT in_post AND line IS NOT NULL) AS not_in_post,
           count(*) FILTER (WHERE NOT certified AND line IS NOT NULL) AS no_certificate,
           count(*) FILTER (WHERE NOT paid AND line IS NOT NULL) AS no_pay,
           json_group_array(DISTINCT engager) FILTER (WHERE NOT (in_post AND certified AND paid) AND known) AS engagers,
           json_group_array(json_object(
               'kind', 'engagement', 'record', lower(hex(engagement)),
               'zh', iif(known, substr(
                   iif(in_post, '', '、当日不在聘') || iif(certified, '', '、无当日有效聘任证书')
                   || iif(paid, '', '、前后月份无薪酬'), 2), '本级辖区内查无此聘任'),
               'en', iif(known, substr(
                   iif(in_post, '', '; not in post that day') || iif(certified, '', '; no certificate valid that day')
                   || iif(paid, '', '; no pay around that month'), 3), 'no such engagement in the filer''s branch'))
               ORDER BY line) FILTER (WHERE NOT (in_post AND certified AND paid) AND line IS NOT NULL) AS unproved
    FROM proved
    GROUP BY record
    HAVING declared > verified
)
SELECT owner AS subject,
       hex(record) AS case_key,
       NULL AS severity,
       NULL AS family,
       judge_by AS judge_by,
       (SELECT json_group_array(code ORDER BY code) FROM (
           SELECT v.owner AS code UNION SELECT value FROM json_each(v.engagers))) AS involved,
       (SELECT json_group_array(json(item) ORDER BY place) FROM (
           SELECT -1 AS place, json_object(
               'kind', 'filing', 'record', lower(hex(v.record)),
               'zh', day_text(v.census_on) || '备案，申报' || v.declared || '人',
               'en', 'filing as of ' || day_text(v.census_on) || ', ' || v.declared || ' heads declared') AS item
           UNION ALL
           SELECT key, value FROM json_each(v.unproved))) AS evidence,
       json_object('declared', declared, 'verified', verified, 'named', named, 'not_in_post', not_in_post,
                   'no_certificate', no_certificate, 'no_pay', no_pay) AS results,
       union_name(owner) || '备案（截止' || day_text(census_on) || '）申报补助人数' || declared || '人，可核实' || verified
           || '人。名册列' || named || '人' || iif(declared > named, '（' || (declared - named) || '人未列）', '')
           || '，其中当日不在聘' || not_in_post || '人，无当日有效聘任证书' || no_certificate || '人，前后月份无薪酬'
           || no_pay || '人。' AS zh,
       union_name(owner) || ' filed ' || declared || ' heads for the fund as of ' || day_text(census_on) || '; '
           || verified || ' can be verified. The roster names ' || named
           || iif(declared > named, ', leaving ' || (declared - named) || ' without a name', '') || '; ' || not_in_post
           || ' not in post that day, ' || no_certificate || ' without a certificate valid that day, ' || no_pay
           || ' without pay around that month.' AS en
FROM verdict v
ORDER BY owner, record;
