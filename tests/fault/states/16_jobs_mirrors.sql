-- A state as the agent of its time left it when it was killed.
-- tests/support/state_fixture.py lays it out, tests/fault/older_state.py has today's agent open it.
-- frozen_at 1796009247447628766
-- content e01a22a7e41a600002965efbe3fb9fcf cached 40000 1796009247139424290
-- content e01a22a7e412d000003eca1246a94390 finished 70001 1796009247019424290
-- content e01a22a7e4246000048f1892520823cd half 5242897 1796009247379424290
-- content e01a22a7e41b700003898d11948d5ce1 judged 30000 1796009247155424290
-- content e01a22a7e414200001ba4c20319238ac long 3145733 1796009247111424290
PRAGMA application_id = 1280459858;
CREATE TABLE schema_steps (name TEXT PRIMARY KEY NOT NULL, applied_s INTEGER NOT NULL);
CREATE TABLE contents (
  id TEXT PRIMARY KEY NOT NULL,
  state INTEGER NOT NULL,
  size INTEGER NOT NULL,
  root BLOB,
  sha256 BLOB,
  validated INTEGER NOT NULL DEFAULT 0,
  pinned INTEGER NOT NULL DEFAULT 0,
  shareable INTEGER NOT NULL,
  bounded INTEGER NOT NULL,
  holds INTEGER NOT NULL DEFAULT 0,
  bytes_held INTEGER NOT NULL,
  created INTEGER NOT NULL,
  last_used INTEGER NOT NULL,
  uses INTEGER NOT NULL DEFAULT 0,
  inode INTEGER NOT NULL,
  file_size INTEGER NOT NULL,
  modified_ns INTEGER
, offered INTEGER NOT NULL DEFAULT 1, answer_host TEXT NOT NULL DEFAULT '', media_type TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE TABLE versions (
  url TEXT NOT NULL,
  etag TEXT NOT NULL,
  last_modified TEXT NOT NULL,
  size INTEGER NOT NULL,
  content_id TEXT NOT NULL,
  created INTEGER NOT NULL,
  UNIQUE (url, etag, last_modified, size, content_id)
);
CREATE TABLE segments (
  content_id TEXT NOT NULL,
  idx INTEGER NOT NULL,
  root BLOB NOT NULL,
  leaves BLOB NOT NULL,
  source INTEGER NOT NULL,
  fetched_for TEXT NOT NULL,
  attestation BLOB, peer_bytes INTEGER NOT NULL DEFAULT 0, fetched_as BLOB, transport INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (content_id, idx)
) WITHOUT ROWID;
CREATE TABLE holds (
  content_id TEXT NOT NULL,
  holder TEXT NOT NULL,
  PRIMARY KEY (content_id, holder)
) WITHOUT ROWID;
CREATE TABLE cache_totals (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  records INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  bounded_bytes INTEGER NOT NULL,
  evictable_bytes INTEGER NOT NULL
);
CREATE TABLE content_users (
  content_id TEXT NOT NULL,
  uid INTEGER NOT NULL,
  url TEXT NOT NULL,
  PRIMARY KEY (content_id, uid, url)
) WITHOUT ROWID;
CREATE TABLE jobs (
  id TEXT PRIMARY KEY, owner INTEGER NOT NULL, created INTEGER NOT NULL,
  minisign_public_key TEXT NOT NULL, minisign_signature TEXT NOT NULL, hook TEXT NOT NULL, app INTEGER NOT NULL,
  headers TEXT NOT NULL, user TEXT NOT NULL, password TEXT NOT NULL, proxy TEXT NOT NULL, proxy_user TEXT NOT NULL,
  proxy_password TEXT NOT NULL, ca_certificates TEXT NOT NULL, client_certificate TEXT NOT NULL, client_key TEXT NOT NULL,
  client_key_password TEXT NOT NULL, http INTEGER NOT NULL, max_file_size INTEGER NOT NULL,
  parallel_ranges INTEGER NOT NULL, use_cache INTEGER NOT NULL, store INTEGER NOT NULL,
  redirect_loopback INTEGER NOT NULL,
  name TEXT, priority TEXT, max_rate INTEGER, retry_delay INTEGER, no_progress_timeout INTEGER, maximum_time INTEGER,
  notify_command TEXT, state TEXT, modified INTEGER, finished INTEGER, error TEXT, error_count INTEGER,
  retry_at INTEGER, active_time INTEGER, retries INTEGER, transient_since INTEGER, notify_pending INTEGER
, use_peers INTEGER NOT NULL DEFAULT 1, share INTEGER NOT NULL DEFAULT 1, offline_ok INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE files (
  job TEXT NOT NULL, idx INTEGER NOT NULL,
  destination TEXT NOT NULL, ranges TEXT NOT NULL, sha256 TEXT, minisign_signature TEXT NOT NULL,
  url TEXT, user TEXT, password TEXT, state TEXT, size INTEGER, bytes INTEGER, contiguous INTEGER,
  from_origin INTEGER, from_peers INTEGER, from_cache INTEGER, wasted INTEGER, content TEXT, version TEXT,
  actual_sha256 TEXT, origin_sha256 TEXT, verdict TEXT, verdict_reason TEXT, origin_alone INTEGER,
  retargeted INTEGER, effective_url TEXT, note TEXT, restarts INTEGER, error TEXT, offline_age INTEGER, privacy TEXT NOT NULL DEFAULT 'shareable', rejected TEXT NOT NULL DEFAULT '', version_told INTEGER NOT NULL DEFAULT 0, file_name TEXT NOT NULL DEFAULT '', mirrors TEXT NOT NULL DEFAULT '', mirror INTEGER NOT NULL DEFAULT 0, mixed INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (job, idx)
) WITHOUT ROWID;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE trust_shunned (
  agent BLOB PRIMARY KEY NOT NULL,
  reason INTEGER NOT NULL,
  since INTEGER NOT NULL,
  until INTEGER NOT NULL,
  detail TEXT NOT NULL
, times INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE trust_pardons (
  agent BLOB PRIMARY KEY NOT NULL,
  at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE trust_suspicions (
  number INTEGER PRIMARY KEY,
  attestation BLOB UNIQUE NOT NULL
);
CREATE TABLE trust_doubted (
  agent BLOB PRIMARY KEY NOT NULL,
  reason INTEGER NOT NULL,
  https INTEGER NOT NULL,
  since INTEGER NOT NULL,
  until INTEGER NOT NULL,
  times INTEGER NOT NULL,
  site TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE trust_contradictions (
  number INTEGER PRIMARY KEY,
  one BLOB NOT NULL,
  other BLOB NOT NULL,
  version BLOB NOT NULL,
  https INTEGER NOT NULL,
  host TEXT NOT NULL,
  at INTEGER NOT NULL,
  one_said INTEGER NOT NULL,
  other_said INTEGER NOT NULL,
  UNIQUE (one, other, version)
);
CREATE TABLE trust_condemned (
  version BLOB PRIMARY KEY NOT NULL,
  since INTEGER NOT NULL,
  until INTEGER NOT NULL,
  one BLOB NOT NULL,
  other BLOB NOT NULL,
  own_two_roots INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE trust_hosts (
  host TEXT PRIMARY KEY NOT NULL,
  since INTEGER NOT NULL,
  until INTEGER NOT NULL,
  times INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE trust_own_roots (
  version BLOB NOT NULL,
  segment INTEGER NOT NULL,
  root BLOB NOT NULL,
  PRIMARY KEY (version, segment)
) WITHOUT ROWID;
CREATE TABLE members (
  agent BLOB PRIMARY KEY NOT NULL,
  certificate BLOB NOT NULL,
  attests INTEGER NOT NULL,
  seen INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO schema_steps VALUES('cache-1',1796009246);
INSERT INTO schema_steps VALUES('cache-2',1796009246);
INSERT INTO schema_steps VALUES('cache-3',1796009246);
INSERT INTO schema_steps VALUES('cache-4',1796009246);
INSERT INTO schema_steps VALUES('cache-first-answer',1796009246);
INSERT INTO schema_steps VALUES('cache-provenance',1796009246);
INSERT INTO schema_steps VALUES('jobs-1',1796009246);
INSERT INTO schema_steps VALUES('jobs-2',1796009246);
INSERT INTO schema_steps VALUES('jobs-privacy',1796009246);
INSERT INTO schema_steps VALUES('jobs-verdicts',1796009246);
INSERT INTO schema_steps VALUES('jobs-3',1796009246);
INSERT INTO schema_steps VALUES('jobs-mirrors',1796009246);
INSERT INTO schema_steps VALUES('trust-1',1796009246);
INSERT INTO schema_steps VALUES('trust-2',1796009246);
INSERT INTO schema_steps VALUES('members-1',1796009246);
INSERT INTO contents VALUES('e01a22a7e412d000003eca1246a94390',1,70001,X'8067A044D5189CCDD08F5059C18545EA0CCB24E588366E14A75769F54D07C494',NULL,0,0,1,1,1,70001,1796009247021340807,1796009247030099805,0,0,70001,1796009247019424290,0,'127.0.0.1','');
INSERT INTO contents VALUES('e01a22a7e414200001ba4c20319238ac',1,3145733,X'A2FB35E447F40A52C0A029378AD9888ECB9FFE78AC7C388367615DDEAA5704D3',NULL,0,0,1,1,1,3145733,1796009247042456246,1796009247121990152,0,0,3145733,1796009247111424290,0,'127.0.0.1','');
INSERT INTO contents VALUES('e01a22a7e41a600002965efbe3fb9fcf',1,40000,X'9643FA371C48183A278A089424790E6C8B22A5B6A475A34C564DCE160C9100D0',NULL,1,0,1,1,0,40000,1796009247142464022,1796009247144384584,0,0,40000,1796009247139424290,0,'127.0.0.1','');
INSERT INTO contents VALUES('e01a22a7e41b700003898d11948d5ce1',1,30000,X'81CA07077CEEC75949A519DA1FE79A89C1078001744113A7D9F2D3814B322CF2',NULL,0,0,1,1,1,30000,1796009247159771058,1796009247162842380,1,0,30000,1796009247155424290,0,'127.0.0.1','');
INSERT INTO contents VALUES('e01a22a7e4246000048f1892520823cd',0,5242897,NULL,NULL,0,0,1,1,1,4194304,1796009247302776401,1796009247339822689,0,0,5242897,NULL,0,'127.0.0.1','');
INSERT INTO versions VALUES('http://origin.lab/cached','"cached-1"','Tue, 14 Nov 2023 22:13:20 GMT',40000,'e01a22a7e41a600002965efbe3fb9fcf',1796009247144384584);
INSERT INTO versions VALUES('http://origin.lab/finished','"finished-1"','Tue, 14 Nov 2023 22:13:20 GMT',70001,'e01a22a7e412d000003eca1246a94390',1796009247030099805);
INSERT INTO versions VALUES('http://origin.lab/half','"half-1"','Tue, 14 Nov 2023 22:13:20 GMT',5242897,'e01a22a7e4246000048f1892520823cd',1796009247302776401);
INSERT INTO versions VALUES('http://origin.lab/judged','"judged-1"','Tue, 14 Nov 2023 22:13:20 GMT',30000,'e01a22a7e41b700003898d11948d5ce1',1796009247161546054);
INSERT INTO versions VALUES('http://origin.lab/long','"long-1"','Tue, 14 Nov 2023 22:13:20 GMT',3145733,'e01a22a7e414200001ba4c20319238ac',1796009247121990152);
INSERT INTO segments VALUES('e01a22a7e412d000003eca1246a94390',0,X'8067A044D5189CCDD08F5059C18545EA0CCB24E588366E14A75769F54D07C494',leaves('finished',70001,0,81920),0,'ae4cdd1f399780e6.0',NULL,0,version_name('http://origin.lab/finished','"finished-1"','Tue, 14 Nov 2023 22:13:20 GMT',70001),1);
INSERT INTO segments VALUES('e01a22a7e414200001ba4c20319238ac',0,X'EA58CCADF29D2B70F6F1C5930EC113F10842E9013D9F7F2EFD662EBEFF549638',leaves('long',3145733,0,2097152),0,'e66dbfe64725250d.0',NULL,0,version_name('http://origin.lab/long','"long-1"','Tue, 14 Nov 2023 22:13:20 GMT',3145733),1);
INSERT INTO segments VALUES('e01a22a7e414200001ba4c20319238ac',1,X'E530C632716C83058B78B222454A747AACEC1C9FF114A345634A5753911D5C79',leaves('long',3145733,2097152,2097152),0,'e66dbfe64725250d.0',NULL,0,version_name('http://origin.lab/long','"long-1"','Tue, 14 Nov 2023 22:13:20 GMT',3145733),1);
INSERT INTO segments VALUES('e01a22a7e41a600002965efbe3fb9fcf',0,X'9643FA371C48183A278A089424790E6C8B22A5B6A475A34C564DCE160C9100D0',leaves('cached',40000,0,49152),0,'76b83a87b514b4d0.0',NULL,0,version_name('http://origin.lab/cached','"cached-1"','Tue, 14 Nov 2023 22:13:20 GMT',40000),1);
INSERT INTO segments VALUES('e01a22a7e41b700003898d11948d5ce1',0,X'81CA07077CEEC75949A519DA1FE79A89C1078001744113A7D9F2D3814B322CF2',X'0F60A4FF46E722DA72965D9A3333E1DCEB5DA192405EF2812EF719FA918393AAAE633303CCB5B433728453061FBE967029258FCB9858E5F9589C7A4D0A6E5011',0,'c7891bea83ea4043.0',NULL,0,version_name('http://origin.lab/judged','"judged-1"','Tue, 14 Nov 2023 22:13:20 GMT',30000),1);
INSERT INTO segments VALUES('e01a22a7e4246000048f1892520823cd',0,X'5E223B47D7630AC1E0ABC500259861F88607344581382B87E2D3345D4FDF102D',leaves('half',5242897,0,2097152),0,'56041aa478881029.0',NULL,0,version_name('http://origin.lab/half','"half-1"','Tue, 14 Nov 2023 22:13:20 GMT',5242897),1);
INSERT INTO segments VALUES('e01a22a7e4246000048f1892520823cd',1,X'73F9C4B5D27E703936100C28E8A48B211F8040CCE96420DA069E36452ACF048B',leaves('half',5242897,2097152,2097152),0,'56041aa478881029.0',NULL,0,version_name('http://origin.lab/half','"half-1"','Tue, 14 Nov 2023 22:13:20 GMT',5242897),1);
INSERT INTO holds VALUES('e01a22a7e412d000003eca1246a94390','ae4cdd1f399780e6.0');
INSERT INTO holds VALUES('e01a22a7e414200001ba4c20319238ac','e66dbfe64725250d.0');
INSERT INTO holds VALUES('e01a22a7e41b700003898d11948d5ce1','c7891bea83ea4043.0');
INSERT INTO holds VALUES('e01a22a7e4246000048f1892520823cd','56041aa478881029.0');
INSERT INTO cache_totals VALUES(1,5,7480038,7480038,40000);
INSERT INTO content_users VALUES('e01a22a7e412d000003eca1246a94390',0,'http://origin.lab/finished');
INSERT INTO content_users VALUES('e01a22a7e414200001ba4c20319238ac',0,'http://origin.lab/long');
INSERT INTO content_users VALUES('e01a22a7e41a600002965efbe3fb9fcf',0,'http://origin.lab/cached');
INSERT INTO content_users VALUES('e01a22a7e41b700003898d11948d5ce1',0,'http://origin.lab/judged');
INSERT INTO content_users VALUES('e01a22a7e4246000048f1892520823cd',0,'http://origin.lab/half');
INSERT INTO jobs VALUES('4cf078524367ce16',0,1796009247163890563,'','','',0,'X-Desk: 11
','anna','pass:word','','','','','','','',0,0,1,1,1,0,'waiting','normal',0,5000000000,1209600000000000,7776000000000000,'','suspended',1796009247163890563,NULL,NULL,0,NULL,0,0,NULL,0,1,1,0);
INSERT INTO jobs VALUES('56041aa478881029',0,1796009247168984311,'','','',0,'','','','','','','','','','',0,0,1,1,1,0,'half','normal',0,5000000000,1209600000000000,7776000000000000,'','transferring',1796009247340827851,NULL,NULL,0,NULL,177389759,0,NULL,0,1,1,0);
INSERT INTO jobs VALUES('ae4cdd1f399780e6',0,1796009246992412057,'','','',0,'','','','','','','','','','',0,0,1,1,1,0,'finished','normal',0,5000000000,1209600000000000,7776000000000000,'','transferred',1796009247032990894,1796009247033005953,NULL,0,NULL,36093725,0,NULL,0,1,1,0);
INSERT INTO jobs VALUES('c7891bea83ea4043',0,1796009247156997112,'','','',1,'','','','','','','','','','',0,0,1,1,1,0,'judged','normal',0,5000000000,1209600000000000,7776000000000000,'','validating',1796009247162803586,NULL,NULL,0,NULL,4682877,0,NULL,0,1,1,0);
INSERT INTO jobs VALUES('e66dbfe64725250d',0,1796009247039044217,'','','',0,'','','','','','','','','','',0,0,1,1,1,0,'long','normal',0,5000000000,1209600000000000,7776000000000000,'','transferred',1796009247123317647,1796009247123321795,NULL,0,NULL,82571463,0,NULL,0,1,1,0);
INSERT INTO jobs VALUES('f8b07852029b2999',0,1796009247165516786,'','','',0,'','','','','','','','','','',0,0,1,1,1,0,'absent','normal',0,5000000000,1209600000000000,7776000000000000,'','error',1796009247168096352,NULL,'http_fatal
-
fetch http://origin.lab/absent
the origin has nothing at this URL (404)',1,NULL,1063062,0,NULL,0,1,1,0);
INSERT INTO files VALUES('4cf078524367ce16',0,'','',NULL,'','http://origin.lab/waiting','','','waiting',NULL,0,0,0,0,0,0,'',NULL,NULL,NULL,'','',0,0,'','',0,NULL,NULL,'shareable','',0,'','',0,0);
INSERT INTO files VALUES('56041aa478881029',0,'','',NULL,'','http://origin.lab/half','','','active',5242897,4702208,4194304,4702208,0,0,0,'e01a22a7e4246000048f1892520823cd','5242897
"half-1"
Tue, 14 Nov 2023 22:13:20 GMT
http://origin.lab/half',NULL,NULL,'','',0,0,'','',0,NULL,NULL,'loopback_answer','',0,'','',0,0);
INSERT INTO files VALUES('ae4cdd1f399780e6',0,'','',NULL,'','http://origin.lab/finished','','','transferred',70001,70001,70001,70001,0,0,0,'e01a22a7e412d000003eca1246a94390','70001
"finished-1"
Tue, 14 Nov 2023 22:13:20 GMT
http://origin.lab/finished',NULL,NULL,'','',0,0,'http://origin.lab/finished','',0,NULL,NULL,'loopback_answer','',1,'','',0,0);
INSERT INTO files VALUES('c7891bea83ea4043',0,'','',NULL,'','http://origin.lab/judged','','','validating',30000,30000,30000,30000,0,0,0,'e01a22a7e41b700003898d11948d5ce1','30000
"judged-1"
Tue, 14 Nov 2023 22:13:20 GMT
http://origin.lab/judged',NULL,NULL,'','',0,0,'http://origin.lab/judged','',0,NULL,NULL,'loopback_answer','',1,'','',0,0);
INSERT INTO files VALUES('e66dbfe64725250d',0,'','',NULL,'','http://origin.lab/long','','','transferred',3145733,3145733,3145733,3145733,0,0,0,'e01a22a7e414200001ba4c20319238ac','3145733
"long-1"
Tue, 14 Nov 2023 22:13:20 GMT
http://origin.lab/long',NULL,NULL,'','',0,0,'http://origin.lab/long','',0,NULL,NULL,'loopback_answer','',1,'','',0,0);
INSERT INTO files VALUES('f8b07852029b2999',0,'','',NULL,'','http://origin.lab/absent','','','failed',NULL,0,0,0,0,0,0,'',NULL,NULL,NULL,'','',0,0,'','',0,'http_fatal
-
fetch http://origin.lab/absent
the origin has nothing at this URL (404)',NULL,'shareable','',0,'','',0,0);
INSERT INTO counters VALUES('cache_hits',0);
INSERT INTO counters VALUES('files_failed',1);
INSERT INTO counters VALUES('files_transferred',3);
INSERT INTO counters VALUES('removed_jobs_from_cache',0);
INSERT INTO counters VALUES('removed_jobs_from_origin',40000);
INSERT INTO counters VALUES('removed_jobs_from_peers',0);
INSERT INTO counters VALUES('removed_jobs_wasted',0);
INSERT INTO counters VALUES('verdicts_not_valid',0);
INSERT INTO trust_shunned VALUES(X'2222222222222222222222222222222222222222222222222222222222222222',0,1796009247426037371,9223372036854775807,'of the story',0);
INSERT INTO trust_shunned VALUES(X'3333333333333333333333333333333333333333333333333333333333333333',2,1796009247426037371,1796016447426037371,'of the story',0);
INSERT INTO trust_pardons VALUES(X'4444444444444444444444444444444444444444444444444444444444444444',1796009247426037371);
INSERT INTO trust_doubted VALUES(X'5555555555555555555555555555555555555555555555555555555555555555',0,1,1796009247426037371,1796016447426037371,1,'https://a.example');
INSERT INTO trust_hosts VALUES('b.example',1796009247426037371,1796016447426037371,1);
INSERT INTO members VALUES(X'1111111111111111111111111111111111111111111111111111111111111111',X'3003020101',1,1796009247426037371);
CREATE INDEX contents_evictable ON contents (last_used, id) WHERE pinned = 0 AND holds = 0 AND state <> 2;
CREATE INDEX contents_root ON contents (root) WHERE root IS NOT NULL;
CREATE INDEX contents_sha256 ON contents (sha256) WHERE sha256 IS NOT NULL;
CREATE INDEX versions_content ON versions (content_id);
CREATE INDEX holds_holder ON holds (holder);
CREATE TRIGGER contents_added AFTER INSERT ON contents BEGIN
  UPDATE cache_totals SET
    records = records + 1,
    bytes = bytes + NEW.bytes_held,
    bounded_bytes = bounded_bytes + NEW.bounded * NEW.bytes_held,
    evictable_bytes = evictable_bytes
      + (NEW.pinned = 0 AND NEW.holds = 0 AND NEW.state <> 2) * NEW.bytes_held;
END;
CREATE TRIGGER contents_removed AFTER DELETE ON contents BEGIN
  UPDATE cache_totals SET
    records = records - 1,
    bytes = bytes - OLD.bytes_held,
    bounded_bytes = bounded_bytes - OLD.bounded * OLD.bytes_held,
    evictable_bytes = evictable_bytes
      - (OLD.pinned = 0 AND OLD.holds = 0 AND OLD.state <> 2) * OLD.bytes_held;
  DELETE FROM versions WHERE content_id = OLD.id;
  DELETE FROM segments WHERE content_id = OLD.id;
  DELETE FROM holds WHERE content_id = OLD.id;
END;
CREATE TRIGGER contents_changed AFTER UPDATE OF state, pinned, bounded, holds, bytes_held ON contents BEGIN
  UPDATE cache_totals SET
    bytes = bytes - OLD.bytes_held + NEW.bytes_held,
    bounded_bytes = bounded_bytes - OLD.bounded * OLD.bytes_held + NEW.bounded * NEW.bytes_held,
    evictable_bytes = evictable_bytes
      - (OLD.pinned = 0 AND OLD.holds = 0 AND OLD.state <> 2) * OLD.bytes_held
      + (NEW.pinned = 0 AND NEW.holds = 0 AND NEW.state <> 2) * NEW.bytes_held;
END;
CREATE TRIGGER holds_added AFTER INSERT ON holds BEGIN
  UPDATE contents SET holds = holds + 1 WHERE id = NEW.content_id;
END;
CREATE TRIGGER holds_removed AFTER DELETE ON holds BEGIN
  UPDATE contents SET holds = holds - 1 WHERE id = OLD.content_id;
END;
CREATE INDEX content_users_uid ON content_users (uid, content_id);
CREATE TRIGGER contents_removed_users AFTER DELETE ON contents BEGIN
  DELETE FROM content_users WHERE content_id = OLD.id;
END;
