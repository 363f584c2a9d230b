-- A state as the agent of its time left it when it was killed.
-- tests/support/state_fixture.py lays it out, tests/fault/older_state.py has today's agent open it.
-- frozen_at 1796095049272973467
-- content df1a22f9b7dc600002a722445f751168 cached 40000 1796095049152240943
-- content df1a22f9b7db2000008205cc13bb5946 finished 70001 1796095049132240942
-- content df1a22f9b7dd200004fe79d2900cbbbd half 5242897 1796095049180240944
-- content df1a22f9b7dcb00003f1e85351d7e3ed judged 30000 1796095049156240943
-- content df1a22f9b7db800001c0101ab59f07f0 long 3145733 1796095049148240943
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
, use_peers INTEGER NOT NULL DEFAULT 1, share INTEGER NOT NULL DEFAULT 1, offline_ok INTEGER NOT NULL DEFAULT 0, upload TEXT) WITHOUT ROWID;
CREATE TABLE files (
  job TEXT NOT NULL, idx INTEGER NOT NULL,
  destination TEXT NOT NULL, ranges TEXT NOT NULL, sha256 TEXT, minisign_signature TEXT NOT NULL,
  url TEXT, user TEXT, password TEXT, state TEXT, size INTEGER, bytes INTEGER, contiguous INTEGER,
  from_origin INTEGER, from_peers INTEGER, from_cache INTEGER, wasted INTEGER, content TEXT, version TEXT,
  actual_sha256 TEXT, origin_sha256 TEXT, verdict TEXT, verdict_reason TEXT, origin_alone INTEGER,
  retargeted INTEGER, effective_url TEXT, note TEXT, restarts INTEGER, error TEXT, offline_age INTEGER, privacy TEXT NOT NULL DEFAULT 'shareable', rejected TEXT NOT NULL DEFAULT '', version_told INTEGER NOT NULL DEFAULT 0, file_name TEXT NOT NULL DEFAULT '', mirrors TEXT NOT NULL DEFAULT '', mirror INTEGER NOT NULL DEFAULT 0, mixed INTEGER NOT NULL DEFAULT 0, upload TEXT,
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
INSERT INTO schema_steps VALUES('cache-1',1796095049);
INSERT INTO schema_steps VALUES('cache-2',1796095049);
INSERT INTO schema_steps VALUES('cache-3',1796095049);
INSERT INTO schema_steps VALUES('cache-4',1796095049);
INSERT INTO schema_steps VALUES('cache-first-answer',1796095049);
INSERT INTO schema_steps VALUES('cache-provenance',1796095049);
INSERT INTO schema_steps VALUES('jobs-1',1796095049);
INSERT INTO schema_steps VALUES('jobs-2',1796095049);
INSERT INTO schema_steps VALUES('jobs-privacy',1796095049);
INSERT INTO schema_steps VALUES('jobs-verdicts',1796095049);
INSERT INTO schema_steps VALUES('jobs-3',1796095049);
INSERT INTO schema_steps VALUES('jobs-mirrors',1796095049);
INSERT INTO schema_steps VALUES('jobs-uploads',1796095049);
INSERT INTO schema_steps VALUES('trust-1',1796095049);
INSERT INTO schema_steps VALUES('trust-2',1796095049);
INSERT INTO schema_steps VALUES('members-1',1796095049);
INSERT INTO contents VALUES('df1a22f9b7db2000008205cc13bb5946',1,70001,X'8067A044D5189CCDD08F5059C18545EA0CCB24E588366E14A75769F54D07C494',NULL,0,0,1,1,1,70001,1796095049138939041,1796095049141080380,0,0,70001,1796095049132240942,0,'127.0.0.1','');
INSERT INTO contents VALUES('df1a22f9b7db800001c0101ab59f07f0',1,3145733,X'A2FB35E447F40A52C0A029378AD9888ECB9FFE78AC7C388367615DDEAA5704D3',NULL,0,0,1,1,1,3145733,1796095049144453526,1796095049155182944,0,0,3145733,1796095049148240943,0,'127.0.0.1','');
INSERT INTO contents VALUES('df1a22f9b7dc600002a722445f751168',1,40000,X'9643FA371C48183A278A089424790E6C8B22A5B6A475A34C564DCE160C9100D0',NULL,1,0,1,1,0,40000,1796095049158454004,1796095049159496121,0,0,40000,1796095049152240943,0,'127.0.0.1','');
INSERT INTO contents VALUES('df1a22f9b7dcb00003f1e85351d7e3ed',1,30000,X'81CA07077CEEC75949A519DA1FE79A89C1078001744113A7D9F2D3814B322CF2',NULL,0,0,1,1,1,30000,1796095049163670272,1796095049165240468,1,0,30000,1796095049156240943,0,'127.0.0.1','');
INSERT INTO contents VALUES('df1a22f9b7dd200004fe79d2900cbbbd',0,5242897,NULL,NULL,0,0,1,1,1,4194304,1796095049170081024,1796095049184473665,0,0,5242897,NULL,0,'127.0.0.1','');
INSERT INTO versions VALUES('http://origin.lab/cached','"cached-1"','Tue, 14 Nov 2023 22:13:20 GMT',40000,'df1a22f9b7dc600002a722445f751168',1796095049159496121);
INSERT INTO versions VALUES('http://origin.lab/finished','"finished-1"','Tue, 14 Nov 2023 22:13:20 GMT',70001,'df1a22f9b7db2000008205cc13bb5946',1796095049141080380);
INSERT INTO versions VALUES('http://origin.lab/half','"half-1"','Tue, 14 Nov 2023 22:13:20 GMT',5242897,'df1a22f9b7dd200004fe79d2900cbbbd',1796095049170081024);
INSERT INTO versions VALUES('http://origin.lab/judged','"judged-1"','Tue, 14 Nov 2023 22:13:20 GMT',30000,'df1a22f9b7dcb00003f1e85351d7e3ed',1796095049164779895);
INSERT INTO versions VALUES('http://origin.lab/long','"long-1"','Tue, 14 Nov 2023 22:13:20 GMT',3145733,'df1a22f9b7db800001c0101ab59f07f0',1796095049155182944);
INSERT INTO segments VALUES('df1a22f9b7db2000008205cc13bb5946',0,X'8067A044D5189CCDD08F5059C18545EA0CCB24E588366E14A75769F54D07C494',leaves('finished',70001,0,81920),0,'61a54f60042836c6.0',NULL,0,version_name('http://origin.lab/finished','"finished-1"','Tue, 14 Nov 2023 22:13:20 GMT',70001),1);
INSERT INTO segments VALUES('df1a22f9b7db800001c0101ab59f07f0',0,X'EA58CCADF29D2B70F6F1C5930EC113F10842E9013D9F7F2EFD662EBEFF549638',leaves('long',3145733,0,2097152),0,'dd1a1e1aaee035f3.0',NULL,0,version_name('http://origin.lab/long','"long-1"','Tue, 14 Nov 2023 22:13:20 GMT',3145733),1);
INSERT INTO segments VALUES('df1a22f9b7db800001c0101ab59f07f0',1,X'E530C632716C83058B78B222454A747AACEC1C9FF114A345634A5753911D5C79',leaves('long',3145733,2097152,2097152),0,'dd1a1e1aaee035f3.0',NULL,0,version_name('http://origin.lab/long','"long-1"','Tue, 14 Nov 2023 22:13:20 GMT',3145733),1);
INSERT INTO segments VALUES('df1a22f9b7dc600002a722445f751168',0,X'9643FA371C48183A278A089424790E6C8B22A5B6A475A34C564DCE160C9100D0',leaves('cached',40000,0,49152),0,'57aa47dc3892183f.0',NULL,0,version_name('http://origin.lab/cached','"cached-1"','Tue, 14 Nov 2023 22:13:20 GMT',40000),1);
INSERT INTO segments VALUES('df1a22f9b7dcb00003f1e85351d7e3ed',0,X'81CA07077CEEC75949A519DA1FE79A89C1078001744113A7D9F2D3814B322CF2',X'0F60A4FF46E722DA72965D9A3333E1DCEB5DA192405EF2812EF719FA918393AAAE633303CCB5B433728453061FBE967029258FCB9858E5F9589C7A4D0A6E5011',0,'9630943aac5f0e75.0',NULL,0,version_name('http://origin.lab/judged','"judged-1"','Tue, 14 Nov 2023 22:13:20 GMT',30000),1);
INSERT INTO segments VALUES('df1a22f9b7dd200004fe79d2900cbbbd',0,X'5E223B47D7630AC1E0ABC500259861F88607344581382B87E2D3345D4FDF102D',leaves('half',5242897,0,2097152),0,'e566bdf273dbb5be.0',NULL,0,version_name('http://origin.lab/half','"half-1"','Tue, 14 Nov 2023 22:13:20 GMT',5242897),1);
INSERT INTO segments VALUES('df1a22f9b7dd200004fe79d2900cbbbd',1,X'73F9C4B5D27E703936100C28E8A48B211F8040CCE96420DA069E36452ACF048B',leaves('half',5242897,2097152,2097152),0,'e566bdf273dbb5be.0',NULL,0,version_name('http://origin.lab/half','"half-1"','Tue, 14 Nov 2023 22:13:20 GMT',5242897),1);
INSERT INTO holds VALUES('df1a22f9b7db2000008205cc13bb5946','61a54f60042836c6.0');
INSERT INTO holds VALUES('df1a22f9b7db800001c0101ab59f07f0','dd1a1e1aaee035f3.0');
INSERT INTO holds VALUES('df1a22f9b7dcb00003f1e85351d7e3ed','9630943aac5f0e75.0');
INSERT INTO holds VALUES('df1a22f9b7dd200004fe79d2900cbbbd','e566bdf273dbb5be.0');
INSERT INTO cache_totals VALUES(1,5,7480038,7480038,40000);
INSERT INTO content_users VALUES('df1a22f9b7db2000008205cc13bb5946',0,'http://origin.lab/finished');
INSERT INTO content_users VALUES('df1a22f9b7db800001c0101ab59f07f0',0,'http://origin.lab/long');
INSERT INTO content_users VALUES('df1a22f9b7dc600002a722445f751168',0,'http://origin.lab/cached');
INSERT INTO content_users VALUES('df1a22f9b7dcb00003f1e85351d7e3ed',0,'http://origin.lab/judged');
INSERT INTO content_users VALUES('df1a22f9b7dd200004fe79d2900cbbbd',0,'http://origin.lab/half');
INSERT INTO jobs VALUES('61a54f60042836c6',0,1796095049135069831,'','','',0,'','','','','','','','','','',0,0,1,1,1,0,'finished','normal',0,5000000000,1209600000000000,7776000000000000,'','transferred',1796095049142153432,1796095049142166147,NULL,0,NULL,6061734,0,NULL,0,1,1,0,NULL);
INSERT INTO jobs VALUES('9630943aac5f0e75',0,1796095049162119743,'','','',1,'','','','','','','','','','',0,0,1,1,1,0,'judged','normal',0,5000000000,1209600000000000,7776000000000000,'','validating',1796095049165218858,NULL,NULL,0,NULL,2726792,0,NULL,0,1,1,0,NULL);
INSERT INTO jobs VALUES('9f09e178e6c13d87',0,1796095049166622441,'','','',0,'','','','','','','','','','',0,0,1,1,1,0,'absent','normal',0,5000000000,1209600000000000,7776000000000000,'','error',1796095049168091959,NULL,'http_fatal
-
fetch http://origin.lab/absent
the origin has nothing at this URL (404)',1,NULL,1175034,0,NULL,0,1,1,0,NULL);
INSERT INTO jobs VALUES('a0daa6f75e5db445',0,1796095049165881267,'','','',0,'X-Desk: 11
','anna','pass:word','','','','','','','',0,0,1,1,1,0,'waiting','normal',0,5000000000,1209600000000000,7776000000000000,'','suspended',1796095049165881267,NULL,NULL,0,NULL,0,0,NULL,0,1,1,0,NULL);
INSERT INTO jobs VALUES('dd1a1e1aaee035f3',0,1796095049142927702,'','','',0,'','','','','','','','','','',0,0,1,1,1,0,'long','normal',0,5000000000,1209600000000000,7776000000000000,'','transferred',1796095049155703667,1796095049155708426,NULL,0,NULL,12355144,0,NULL,0,1,1,0,NULL);
INSERT INTO jobs VALUES('e566bdf273dbb5be',0,1796095049168625510,'','','',0,'','','','','','','','','','',0,0,1,1,1,0,'half','normal',0,5000000000,1209600000000000,7776000000000000,'','transferring',1796095049184927876,NULL,NULL,0,NULL,23025676,0,NULL,0,1,1,0,NULL);
INSERT INTO files VALUES('61a54f60042836c6',0,'','',NULL,'','http://origin.lab/finished','','','transferred',70001,70001,70001,70001,0,0,0,'df1a22f9b7db2000008205cc13bb5946','70001
"finished-1"
Tue, 14 Nov 2023 22:13:20 GMT
http://origin.lab/finished',NULL,NULL,'','',0,0,'http://origin.lab/finished','',0,NULL,NULL,'loopback_answer','',1,'','',0,0,NULL);
INSERT INTO files VALUES('9630943aac5f0e75',0,'','',NULL,'','http://origin.lab/judged','','','validating',30000,30000,30000,30000,0,0,0,'df1a22f9b7dcb00003f1e85351d7e3ed','30000
"judged-1"
Tue, 14 Nov 2023 22:13:20 GMT
http://origin.lab/judged',NULL,NULL,'','',0,0,'http://origin.lab/judged','',0,NULL,NULL,'loopback_answer','',1,'','',0,0,NULL);
INSERT INTO files VALUES('9f09e178e6c13d87',0,'','',NULL,'','http://origin.lab/absent','','','failed',NULL,0,0,0,0,0,0,'',NULL,NULL,NULL,'','',0,0,'','',0,'http_fatal
-
fetch http://origin.lab/absent
the origin has nothing at this URL (404)',NULL,'shareable','',0,'','',0,0,NULL);
INSERT INTO files VALUES('a0daa6f75e5db445',0,'','',NULL,'','http://origin.lab/waiting','','','waiting',NULL,0,0,0,0,0,0,'',NULL,NULL,NULL,'','',0,0,'','',0,NULL,NULL,'shareable','',0,'','',0,0,NULL);
INSERT INTO files VALUES('dd1a1e1aaee035f3',0,'','',NULL,'','http://origin.lab/long','','','transferred',3145733,3145733,3145733,3145733,0,0,0,'df1a22f9b7db800001c0101ab59f07f0','3145733
"long-1"
Tue, 14 Nov 2023 22:13:20 GMT
http://origin.lab/long',NULL,NULL,'','',0,0,'http://origin.lab/long','',0,NULL,NULL,'loopback_answer','',1,'','',0,0,NULL);
INSERT INTO files VALUES('e566bdf273dbb5be',0,'','',NULL,'','http://origin.lab/half','','','active',5242897,4194304,4194304,4194304,0,0,0,'df1a22f9b7dd200004fe79d2900cbbbd','5242897
"half-1"
Tue, 14 Nov 2023 22:13:20 GMT
http://origin.lab/half',NULL,NULL,'','',0,0,'','',0,NULL,NULL,'loopback_answer','',0,'','',0,0,NULL);
INSERT INTO counters VALUES('cache_hits',0);
INSERT INTO counters VALUES('files_failed',1);
INSERT INTO counters VALUES('files_transferred',3);
INSERT INTO counters VALUES('removed_jobs_from_cache',0);
INSERT INTO counters VALUES('removed_jobs_from_origin',40000);
INSERT INTO counters VALUES('removed_jobs_from_peers',0);
INSERT INTO counters VALUES('removed_jobs_wasted',0);
INSERT INTO counters VALUES('verdicts_not_valid',0);
INSERT INTO trust_shunned VALUES(X'2222222222222222222222222222222222222222222222222222222222222222',0,1796095049268696691,9223372036854775807,'of the story',0);
INSERT INTO trust_shunned VALUES(X'3333333333333333333333333333333333333333333333333333333333333333',2,1796095049268696691,1796102249268696691,'of the story',0);
INSERT INTO trust_pardons VALUES(X'4444444444444444444444444444444444444444444444444444444444444444',1796095049268696691);
INSERT INTO trust_doubted VALUES(X'5555555555555555555555555555555555555555555555555555555555555555',0,1,1796095049268696691,1796102249268696691,1,'https://a.example');
INSERT INTO trust_hosts VALUES('b.example',1796095049268696691,1796102249268696691,1);
INSERT INTO members VALUES(X'1111111111111111111111111111111111111111111111111111111111111111',X'3003020101',1,1796095049268696691);
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
