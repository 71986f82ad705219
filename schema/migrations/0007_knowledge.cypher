// Articles of the knowledge base.
CREATE CONSTRAINT article_id IF NOT EXISTS FOR (n:Article) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT article_version_id IF NOT EXISTS FOR (n:ArticleVersion) REQUIRE n.id IS UNIQUE;
CREATE INDEX article_title_id IF NOT EXISTS FOR (n:Article) ON (n.title, n.id);
CREATE INDEX article_category IF NOT EXISTS FOR (n:Article) ON (n.category);
// Words that the platform normalised (graph_crm/requests/knowledge/words.py): the analyzer only takes them apart.
CREATE FULLTEXT INDEX article_search IF NOT EXISTS FOR (n:Article) ON EACH [n.titleWords, n.textWords, n.scopeWords]
OPTIONS { indexConfig: { `fulltext.analyzer`: 'whitespace' } };

// Problems that an article solved before anybody sent a request.
CREATE CONSTRAINT first_contact_id IF NOT EXISTS FOR (n:FirstContact) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT first_contact_key IF NOT EXISTS FOR (n:FirstContact) REQUIRE n.key IS UNIQUE;
CREATE INDEX first_contact_at IF NOT EXISTS FOR (n:FirstContact) ON (n.at);

// What customers said of how their complaints were dealt with.
CREATE CONSTRAINT survey_answer_id IF NOT EXISTS FOR (n:SurveyAnswer) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT survey_answer_key IF NOT EXISTS FOR (n:SurveyAnswer) REQUIRE n.key IS UNIQUE;
CREATE INDEX survey_answer_at IF NOT EXISTS FOR (n:SurveyAnswer) ON (n.at);

// Analytics: what came in, was closed or opened again in a period.
CREATE INDEX request_entry_kind_at IF NOT EXISTS FOR (n:RequestEntry) ON (n.kind, n.at);
