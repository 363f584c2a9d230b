-- A state with the tables that an agent of its time made; the rows are those of a later agent, as they were then:
-- without the columns that came later, in segments of the size of then.
-- tests/support/state_fixture.py lays it out, tests/fault/older_state.py has today's agent open it.
-- frozen_at 1796009245479868965
-- content 8b1a22a7e3a6100002e4ba4000b5ed3d cached 40000 1796009245279424290
-- content 8b1a22a7e3a07000000f89f69cfd6111 finished 70001 1796009245191424290
-- content 8b1a22a7e3ab8000048f746a5bff0063 half 5242897 1796009245387424290
-- content 8b1a22a7e3a9e000033ab6d806f15d8c judged 30000 1796009245339424290
-- content 8b1a22a7e3a3a0000183f2cfdeb3c109 long 3145733 1796009245251424290
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
) WITHOUT ROWID;
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
  attestation BLOB, peer_bytes INTEGER NOT NULL DEFAULT 0,
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
CREATE TABLE jobs (
  id TEXT PRIMARY KEY, owner INTEGER NOT NULL, created INTEGER NOT NULL,
  minisign_public_key TEXT NOT NULL, minisign_signature TEXT NOT NULL, hook TEXT NOT NULL, app INTEGER NOT NULL,
  headers TEXT NOT NULL, user TEXT NOT NULL, password TEXT NOT NULL, proxy TEXT NOT NULL, proxy_user TEXT NOT NULL,
  proxy_password TEXT NOT NULL, ca_file TEXT NOT NULL, client_certificate TEXT NOT NULL, client_key TEXT NOT NULL,
  client_key_password TEXT NOT NULL, http INTEGER NOT NULL, max_file_size INTEGER NOT NULL,
  parallel_ranges INTEGER NOT NULL, use_cache INTEGER NOT NULL, store INTEGER NOT NULL,
  redirect_loopback INTEGER NOT NULL,
  name TEXT, priority TEXT, max_rate INTEGER, retry_delay INTEGER, no_progress_timeout INTEGER, maximum_time INTEGER,
  notify_command TEXT, state TEXT, modified INTEGER, finished INTEGER, error TEXT, error_count INTEGER,
  retry_at INTEGER, active_time INTEGER, retries INTEGER, transient_since INTEGER, notify_pending INTEGER
) WITHOUT ROWID;
CREATE TABLE files (
  job TEXT NOT NULL, idx INTEGER NOT NULL,
  destination TEXT NOT NULL, ranges TEXT NOT NULL, sha256 TEXT, minisign_signature TEXT NOT NULL,
  url TEXT, user TEXT, password TEXT, state TEXT, size INTEGER, bytes INTEGER, contiguous INTEGER,
  from_origin INTEGER, from_peers INTEGER, from_cache INTEGER, wasted INTEGER, content TEXT, version TEXT,
  actual_sha256 TEXT, origin_sha256 TEXT, verdict TEXT, verdict_reason TEXT, origin_alone INTEGER,
  retargeted INTEGER, effective_url TEXT, note TEXT, restarts INTEGER, error TEXT,
  PRIMARY KEY (job, idx)
) WITHOUT ROWID;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO schema_steps VALUES('cache-1',1796009245);
INSERT INTO schema_steps VALUES('cache-2',1796009245);
INSERT INTO schema_steps VALUES('jobs-1',1796009245);
INSERT INTO contents VALUES('8b1a22a7e3a07000000f89f69cfd6111',1,70001,X'8067A044D5189CCDD08F5059C18545EA0CCB24E588366E14A75769F54D07C494',NULL,0,0,1,1,1,70001,1796009245191320182,1796009245206006935,0,0,70001,1796009245191424290);
INSERT INTO contents VALUES('8b1a22a7e3a3a0000183f2cfdeb3c109',1,3145733,X'A2FB35E447F40A52C0A029378AD9888ECB9FFE78AC7C388367615DDEAA5704D3',NULL,0,0,1,1,1,3145733,1796009245242617855,1796009245262573449,0,0,3145733,1796009245251424290);
INSERT INTO contents VALUES('8b1a22a7e3a6100002e4ba4000b5ed3d',1,40000,X'9643FA371C48183A278A089424790E6C8B22A5B6A475A34C564DCE160C9100D0',NULL,1,0,1,1,0,40000,1796009245281989897,1796009245285247653,0,0,40000,1796009245279424290);
INSERT INTO contents VALUES('8b1a22a7e3a9e000033ab6d806f15d8c',1,30000,X'81CA07077CEEC75949A519DA1FE79A89C1078001744113A7D9F2D3814B322CF2',NULL,0,0,1,1,1,30000,1796009245342957441,1796009245346210439,1,0,30000,1796009245339424290);
INSERT INTO contents VALUES('8b1a22a7e3ab8000048f746a5bff0063',0,5242897,NULL,NULL,0,0,1,1,1,4194304,1796009245368234126,1796009245392381722,0,0,5242897,NULL);
INSERT INTO versions VALUES('http://origin.lab/cached','"cached-1"','Tue, 14 Nov 2023 22:13:20 GMT',40000,'8b1a22a7e3a6100002e4ba4000b5ed3d',1796009245285247653);
INSERT INTO versions VALUES('http://origin.lab/finished','"finished-1"','Tue, 14 Nov 2023 22:13:20 GMT',70001,'8b1a22a7e3a07000000f89f69cfd6111',1796009245206006935);
INSERT INTO versions VALUES('http://origin.lab/half','"half-1"','Tue, 14 Nov 2023 22:13:20 GMT',5242897,'8b1a22a7e3ab8000048f746a5bff0063',1796009245368234126);
INSERT INTO versions VALUES('http://origin.lab/judged','"judged-1"','Tue, 14 Nov 2023 22:13:20 GMT',30000,'8b1a22a7e3a9e000033ab6d806f15d8c',1796009245344438719);
INSERT INTO versions VALUES('http://origin.lab/long','"long-1"','Tue, 14 Nov 2023 22:13:20 GMT',3145733,'8b1a22a7e3a3a0000183f2cfdeb3c109',1796009245262573449);
INSERT INTO segments VALUES('8b1a22a7e3a07000000f89f69cfd6111',0,X'8067A044D5189CCDD08F5059C18545EA0CCB24E588366E14A75769F54D07C494',leaves('finished',70001,0,81920),0,'9362b84b138ec678.0',NULL,0);
INSERT INTO segments VALUES('8b1a22a7e3a3a0000183f2cfdeb3c109',0,X'A2FB35E447F40A52C0A029378AD9888ECB9FFE78AC7C388367615DDEAA5704D3',leaves('long',3145733,0,3162112),0,'b790b156e1a0bb14.0',NULL,0);
INSERT INTO segments VALUES('8b1a22a7e3a6100002e4ba4000b5ed3d',0,X'9643FA371C48183A278A089424790E6C8B22A5B6A475A34C564DCE160C9100D0',leaves('cached',40000,0,49152),0,'af1d399c7be3cd23.0',NULL,0);
INSERT INTO segments VALUES('8b1a22a7e3a9e000033ab6d806f15d8c',0,X'81CA07077CEEC75949A519DA1FE79A89C1078001744113A7D9F2D3814B322CF2',X'0F60A4FF46E722DA72965D9A3333E1DCEB5DA192405EF2812EF719FA918393AAAE633303CCB5B433728453061FBE967029258FCB9858E5F9589C7A4D0A6E5011',0,'f85ae383b7a22551.0',NULL,0);
INSERT INTO segments VALUES('8b1a22a7e3ab8000048f746a5bff0063',0,X'14134363B5A7F1BAFE36F86B1E4272D1060302DBD8AE382CD8982B51B4219CE3',leaves('half',5242897,0,4194304),0,'50e7b70069528373.0',NULL,0);
INSERT INTO holds VALUES('8b1a22a7e3a07000000f89f69cfd6111','9362b84b138ec678.0');
INSERT INTO holds VALUES('8b1a22a7e3a3a0000183f2cfdeb3c109','b790b156e1a0bb14.0');
INSERT INTO holds VALUES('8b1a22a7e3a9e000033ab6d806f15d8c','f85ae383b7a22551.0');
INSERT INTO holds VALUES('8b1a22a7e3ab8000048f746a5bff0063','50e7b70069528373.0');
INSERT INTO cache_totals VALUES(1,5,7480038,7480038,40000);
INSERT INTO jobs VALUES('0dc85baf8369273d',0,1796009245349172181,'','','',0,'','','','','','','','','','',0,0,1,1,1,0,'absent','normal',0,5000000000,1209600000000000,7776000000000000,'','error',1796009245356583227,NULL,'http_fatal
-
fetch http://origin.lab/absent
the origin has nothing at this URL (404)',1,NULL,4777877,0,NULL,0);
INSERT INTO jobs VALUES('2aa030d2594d5f80',0,1796009245306803420,'','','',0,'','','','','','','/etc/ssl/certs/office.pem','','','',0,0,1,1,1,0,'authorities','normal',0,5000000000,1209600000000000,7776000000000000,'','suspended',1796009245306803420,NULL,NULL,0,NULL,0,0,NULL,0);
INSERT INTO jobs VALUES('50e7b70069528373',0,1796009245357729617,'','','',0,'','','','','','','','','','',0,0,1,1,1,0,'half','normal',0,5000000000,1209600000000000,7776000000000000,'','transferring',1796009245394372969,NULL,NULL,0,NULL,29904776,0,NULL,0);
INSERT INTO jobs VALUES('699030dc5f813447',0,1796009245347400652,'','','',0,'X-Desk: 11
','anna','pass:word','','','','','','','',0,0,1,1,1,0,'waiting','normal',0,5000000000,1209600000000000,7776000000000000,'','suspended',1796009245347400652,NULL,NULL,0,NULL,0,0,NULL,0);
INSERT INTO jobs VALUES('9362b84b138ec678',0,1796009245184461557,'','','',0,'','','','','','','','','','',0,0,1,1,1,0,'finished','normal',0,5000000000,1209600000000000,7776000000000000,'','transferred',1796009245207551763,1796009245207560239,NULL,0,NULL,20879239,0,NULL,0);
INSERT INTO jobs VALUES('b790b156e1a0bb14',0,1796009245209247718,'','','',0,'','','','','','','','','','',0,0,1,1,1,0,'long','normal',0,5000000000,1209600000000000,7776000000000000,'','transferred',1796009245264502217,1796009245264506856,NULL,0,NULL,54595514,0,NULL,0);
INSERT INTO jobs VALUES('f85ae383b7a22551',0,1796009245323559900,'','','',1,'','','','','','','','','','',0,0,1,1,1,0,'judged','normal',0,5000000000,1209600000000000,7776000000000000,'','validating',1796009245346182365,NULL,NULL,0,NULL,8488923,0,NULL,0);
INSERT INTO files VALUES('0dc85baf8369273d',0,'','',NULL,'','http://origin.lab/absent','','','failed',NULL,0,0,0,0,0,0,'',NULL,NULL,NULL,'','',0,0,'','',0,'http_fatal
-
fetch http://origin.lab/absent
the origin has nothing at this URL (404)');
INSERT INTO files VALUES('2aa030d2594d5f80',0,'','',NULL,'','http://origin.lab/waiting','','','waiting',NULL,0,0,0,0,0,0,'',NULL,NULL,NULL,'','',0,0,'','',0,NULL);
INSERT INTO files VALUES('50e7b70069528373',0,'','',NULL,'','http://origin.lab/half','','','active',5242897,4718592,4194304,4718592,0,0,0,'8b1a22a7e3ab8000048f746a5bff0063','5242897
"half-1"
Tue, 14 Nov 2023 22:13:20 GMT
http://origin.lab/half',NULL,NULL,'','',0,0,'','',0,NULL);
INSERT INTO files VALUES('699030dc5f813447',0,'','',NULL,'','http://origin.lab/waiting','','','waiting',NULL,0,0,0,0,0,0,'',NULL,NULL,NULL,'','',0,0,'','',0,NULL);
INSERT INTO files VALUES('9362b84b138ec678',0,'','',NULL,'','http://origin.lab/finished','','','transferred',70001,70001,70001,70001,0,0,0,'8b1a22a7e3a07000000f89f69cfd6111','70001
"finished-1"
Tue, 14 Nov 2023 22:13:20 GMT
http://origin.lab/finished',NULL,NULL,'','',0,0,'http://origin.lab/finished','',0,NULL);
INSERT INTO files VALUES('b790b156e1a0bb14',0,'','',NULL,'','http://origin.lab/long','','','transferred',3145733,3145733,3145733,3145733,0,0,0,'8b1a22a7e3a3a0000183f2cfdeb3c109','3145733
"long-1"
Tue, 14 Nov 2023 22:13:20 GMT
http://origin.lab/long',NULL,NULL,'','',0,0,'http://origin.lab/long','',0,NULL);
INSERT INTO files VALUES('f85ae383b7a22551',0,'','',NULL,'','http://origin.lab/judged','','','validating',30000,30000,30000,30000,0,0,0,'8b1a22a7e3a9e000033ab6d806f15d8c','30000
"judged-1"
Tue, 14 Nov 2023 22:13:20 GMT
http://origin.lab/judged',NULL,NULL,'','',0,0,'http://origin.lab/judged','',0,NULL);
INSERT INTO counters VALUES('cache_hits',0);
INSERT INTO counters VALUES('files_failed',1);
INSERT INTO counters VALUES('files_transferred',3);
INSERT INTO counters VALUES('removed_jobs_from_cache',0);
INSERT INTO counters VALUES('removed_jobs_from_origin',40000);
INSERT INTO counters VALUES('removed_jobs_from_peers',0);
INSERT INTO counters VALUES('removed_jobs_wasted',0);
INSERT INTO counters VALUES('verdicts_not_valid',0);
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
