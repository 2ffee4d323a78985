-- id: SD-01
-- version: 2
-- title_zh: 须两人办理的事项未经两人
-- title_en: What takes two persons was not done by two
-- clause_zh: 《行政事业单位内部控制规范（试行）》（财会〔2012〕21号）第十二条（一）：“不相容岗位相互分离”
-- clause_en: Internal control of public institutions, Ministry of Finance Doc. 21 (2012), art. 12(1): posts that check each other are held apart
-- severity: yellow
-- family: N
-- levels: province, city, county
-- result: year number? : 年度 | year
-- result: as_of day? : 备案截止日期 | filed as of
-- result: revoked_on day? : 注销日期 | revoked on
-- variant: filing
-- variant: revocation
-- variant: import
-- variant: keys
-- variant: money
-- variant: release
-- variant: leave
-- variant: reading
-- role: filing : 备案 | filing
-- role: revocation : 设备注销 | revocation
-- role: signed : 复核办理 | countersignature
-- message filing zh: {subject}已启用账号，其备案[（{year}年，截至{as_of}）]没有第二人复核办理的登记，也没有上级准许一人办公的登记。
-- message filing en: {subject} has accounts, and its filing[ for {year} as of {as_of}] names neither a second person who carried it out nor a superior's leave to act alone.
-- message revocation zh: {subject}已启用账号，其[{revoked_on}的]设备注销没有第二人复核办理的登记，也没有上级准许一人办公的登记。
-- message revocation en: {subject} has accounts, and its revocation[ of {revoked_on}] names neither a second person who carried it out nor a superior's leave to act alone.
-- message import zh: {subject}的一次撤销导入由一人办理，所依据的一人办公准许不是上级对该单位的准许，或已作废。
-- message import en: One person of {subject} undid an import, by a leave that no union above gave it, or that was voided.
-- message keys zh: {subject}的一次返还密钥由一人办理，所依据的一人办公准许不是上级对该单位的准许，或已作废。
-- message keys en: One person of {subject} returned keys, by a leave that no union above gave it, or that was voided.
-- message money zh: {subject}的一笔专项经费收支由一人办理，所依据的一人办公准许不是上级对该单位的准许，或已作废。
-- message money en: One person of {subject} wrote money of the fund, by a leave that no union above gave it, or that was voided.
-- message release zh: {subject}的一次准予计入由一人办理，所依据的一人办公准许不是上级对该单位的准许，或已作废。
-- message release en: One person of {subject} released what was held, by a leave that no union above gave it, or that was voided.
-- message leave zh: {subject}的一次准许一人办公由一人办理，所依据的一人办公准许不是上级对该单位的准许，或已作废。
-- message leave en: One person of {subject} let a union act alone, by a leave that no union above gave it, or that was voided.
-- message reading zh: {subject}的一次查阅下级加密内容由一人办理，所依据的一人办公准许不是上级对该单位的准许，或已作废。
-- message reading en: One person of {subject} read what a union below had sealed, by a leave that no union above gave it, or that was voided.
-- innocent_zh: 该单位另一台机器报送时尚未收到启用账号的消息；一人办公的准许后来被作废
-- innocent_en: another machine of the union submitted it before it heard of the accounts; the leave to act alone was voided later

-- A union asks two persons from its first account on. Its machine writes beside a filing or a revocation who they were, in
-- the same feed, so that both arrive together; a program that was changed may leave that out. Of the other acts no record
-- stands for itself (an import that was undone is gone), and what is written of them is looked at: one person is one with a
-- leave. Accounts are known up to the province.
-- Ids go on as time does. `+` keeps SQLite from going by the owner: of one union there are many.

-- with
begun AS MATERIALIZED (
    SELECT DISTINCT a.owner, first_value(a.record) OVER (PARTITION BY a.owner ORDER BY a.record) AS record
    FROM account a JOIN answered_for u ON u.code = a.owner
),
-- What two persons did, or one with leave.
sound AS NOT MATERIALIZED (
    SELECT c.owner, c.act, c.written, c.record
    FROM countersignature c
    WHERE c.first <> c.second
       OR EXISTS (SELECT 1 FROM one_person_office o JOIN tree t ON t.above = o.owner AND t.below = c.owner
                  WHERE o.record = c.office AND +o."union" = c.owner AND o.owner <> c.owner)
),
by_one AS MATERIALIZED (
    SELECT 'filing' AS variant, f.record, f.owner, f.year, f.census_on, NULL AS revoked_on
    FROM begun s JOIN filing f ON f.owner = s.owner AND f.record > s.record
    WHERE NOT EXISTS (SELECT 1 FROM sound c WHERE c.written = f.record AND +c.owner = f.owner AND c.act = 1)
    UNION ALL
    SELECT 'revocation', r.record, r.owner, NULL, NULL, r.revoked_on
    FROM begun s JOIN revocation r ON r.owner = s.owner AND r.record > s.record
    WHERE NOT EXISTS (SELECT 1 FROM sound c WHERE c.written = r.record AND +c.owner = r.owner AND c.act = 4)
    UNION ALL
    SELECT CASE a.act WHEN 2 THEN 'import' WHEN 3 THEN 'keys' WHEN 5 THEN 'money' WHEN 6 THEN 'release' WHEN 7 THEN 'leave' ELSE 'reading' END,
           a.record, a.owner, NULL, NULL, NULL
    FROM begun s JOIN countersignature a ON a.owner = s.owner
    WHERE a.act IN (2, 3, 5, 6, 7, 8) AND NOT EXISTS (SELECT 1 FROM sound c WHERE c.record = a.record AND c.owner = a.owner)
)

-- cases
SELECT record AS key1, owner AS subject, coalesce(census_on, revoked_on) AS judge_by, variant, year, census_on AS as_of, revoked_on
FROM by_one
ORDER BY owner, record

-- records
SELECT record AS key1, owner AS subject,
       CASE variant WHEN 'filing' THEN 'filing' WHEN 'revocation' THEN 'revocation' ELSE 'signed' END AS role,
       CASE variant WHEN 'filing' THEN 'filing' WHEN 'revocation' THEN 'revocation' ELSE 'countersignature' END AS kind,
       record
FROM by_one
ORDER BY owner, record
