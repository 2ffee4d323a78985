-- id: SD-01
-- version: 1
-- title_zh: 备案未经两人办理
-- title_en: A filing that two persons did not submit
-- clause_zh: 《行政事业单位内部控制规范（试行）》（财会〔2012〕21号）第十二条（一）：“不相容岗位相互分离”
-- clause_en: Internal control of public institutions, Ministry of Finance Doc. 21 (2012), art. 12(1): posts that check each other are held apart
-- severity: yellow
-- family: N
-- levels: province, city, county
-- result: year number : 年度 | year
-- result: as_of day : 备案截止日期 | filed as of
-- role: filing : 备案 | filing
-- message zh: {subject}已启用账号，其{year}年截至{as_of}的备案没有第二人复核办理的登记，也没有上级准许一人办公的登记。
-- message en: {subject} has accounts, and its filing for {year} as of {as_of} names neither a second person who carried it out nor a superior's leave to act alone.
-- innocent_zh: 该单位另一台机器报送时尚未收到启用账号的消息；一人办公的准许后来被作废
-- innocent_en: another machine of the union submitted it before it heard of the accounts; the leave to act alone was voided later

-- A union asks two persons from its first account on. Its machine writes beside the filing who they were, in the same feed,
-- so that both arrive together; a program that was changed may leave that out. Accounts are known up to the province.
-- Ids go on as time does. `+` keeps SQLite from going by the owner: of one union there are many.

-- with
begun AS MATERIALIZED (
    SELECT a.owner, min(a.record) AS record
    FROM account a JOIN answered_for u ON u.code = a.owner
    GROUP BY a.owner
),
by_one AS MATERIALIZED (
    SELECT f.record, f.owner, f.year, f.census_on
    FROM begun s JOIN filing f ON f.owner = s.owner AND f.record > s.record
    WHERE NOT EXISTS (
        SELECT 1
        FROM countersignature c
        WHERE c.written = f.record AND +c.owner = f.owner AND c.act = 1
          AND (c.first <> c.second
               OR EXISTS (SELECT 1 FROM one_person_office o JOIN tree t ON t.above = o.owner AND t.below = c.owner
                          WHERE o.record = c.office AND +o."union" = c.owner AND o.owner <> c.owner)))
)

-- cases
SELECT record AS key1, owner AS subject, census_on AS judge_by, year, census_on AS as_of
FROM by_one
ORDER BY owner, record

-- records
SELECT record AS key1, owner AS subject, 'filing' AS role, 'filing' AS kind, record
FROM by_one
ORDER BY owner, record
