/* Ariane in the browser. <script async src="https://HOST/ariane.js" data-key="WRITE_KEY"></script>
 *
 * Nothing is stored on the device and nothing is sent before the visitor has answered for `measurement`: until then
 * events wait in memory. Yes: a first-party cookie for 13 months, and a queue that survives being offline. No: what
 * waited is forgotten, the cookie and the queue are removed, and only the answer itself is sent.
 *
 * Calls made before this file has loaded wait in a plain array:
 *   (window.ariane = window.ariane || []).push(['track', 'Product Viewed', {product_id: 'fil'}])
 * data-wait="4" seconds from which a wait is told; data-spa="no" leaves history changes alone; data-domain=".brand.com"
 * shares the cookie between a brand's sites; data-host sends elsewhere than where this file came from.
 */
(function (w, d, n) {
  var me = d.currentScript, set = (me && me.dataset) || {}, early = w.ariane || [];
  if (!set.key || early.track) return;
  var host = (set.host || new URL(me.src).origin) + '/v1/batch', slow = (+set.wait || 4) * 1000;
  var COOKIE = 'ariane_id', USER = 'ariane_user', QUEUE = 'ariane_queue_', ANSWER = 'ariane_consent', MONTHS_13 = 34128000;
  var CHANGED = 'Segment Consent Preference Updated';
  var answer = null, id = null, user = null, queue = [], sending = 0, failed = 0, timer, path, mine = QUEUE + Math.random();

  function uuid() {
    if (w.crypto.randomUUID) return w.crypto.randomUUID();
    return ([1e7] + -1e3 + -4e3 + -8e3 + -1e11).replace(/[018]/g, function (c) {
      return (c ^ (w.crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (c / 4)))).toString(16);
    });
  }
  function cookie(name, value, age) {
    if (value === undefined) return (d.cookie.match('(?:^|; )' + name + '=([^;]*)') || [])[1];
    d.cookie = name + '=' + value + ';path=/;max-age=' + age + ';samesite=lax' +
      (set.domain ? ';domain=' + set.domain : '') + (w.location.protocol == 'https:' ? ';secure' : '');
  }
  /* A private window may refuse storage altogether: then the queue lives in memory alone. */
  function stored(work) { try { return work(w.localStorage); } catch (e) { /* none here */ } }
  function allowed() { return answer && answer.measurement; }
  /* Each page has a queue of its own, so that two tabs never write over each other; a new page takes over what is there.
   * What is sent twice that way counts once: a message id never changes. */
  function keep() {
    if (allowed()) stored(function (s) { if (queue.length) s[mine] = JSON.stringify(queue.slice(-500)); else s.removeItem(mine); });
  }
  function forget(adopt) {
    stored(function (s) {
      Object.keys(s).forEach(function (key) {
        if (key.indexOf(QUEUE)) return;
        if (adopt) queue = queue.concat(JSON.parse(s[key]));
        s.removeItem(key);
      });
    });
  }

  function event(type, fields) {
    if (answer && !allowed() && fields.event != CHANGED) return;
    var at = w.location, campaign = {}, url = new URL(at.href);
    url.searchParams.forEach(function (value, key) { if (!key.indexOf('utm_')) campaign[key.slice(4)] = value; });
    if (campaign.campaign) campaign.name = campaign.campaign;
    var context = {
      library: {name: 'ariane.js', version: '1'}, userAgent: n.userAgent, locale: n.language, channel: 'web',
      page: {path: at.pathname, url: at.origin + at.pathname, title: d.title, referrer: d.referrer.split('?')[0]},
      screen: {width: w.screen.width, height: w.screen.height}, campaign: campaign
    };
    if (n.globalPrivacyControl) context.gpc = true;
    if (answer) context.consent = {categoryPreferences: answer};
    fields.type = type;
    fields.messageId = uuid();
    fields.anonymousId = id = id || uuid();
    if (user) fields.userId = user;
    fields.timestamp = new Date().toISOString();
    fields.context = context;
    queue.push(fields);
    if (!answer) queue = queue.slice(-100);
    keep();
    soon(queue.length < 20 ? 1000 : 0);
  }
  function soon(ms) { clearTimeout(timer); timer = setTimeout(flush, ms); }

  function body(events) { return JSON.stringify({writeKey: set.key, sentAt: new Date().toISOString(), batch: events}); }
  function flush() {
    if (sending || !queue.length || !answer) return;
    var part = queue.slice(0, 50);
    sending = 1;
    w.fetch(host, {method: 'POST', body: body(part), headers: {'Content-Type': 'text/plain'}, keepalive: part.length < 20})
      .then(function (reply) {
        sending = 0;
        /* A refusal for good is not tried again; the message ids make a repeated one harmless. */
        if (reply.ok || (reply.status < 500 && reply.status != 429)) { failed = 0; done(part); soon(0); }
        else again(+reply.headers.get('Retry-After'));
      }, function () { sending = 0; again(0); });
  }
  function done(part) {
    queue = queue.filter(function (one) { return part.indexOf(one) < 0; });
    keep();
  }
  function again(seconds) { failed++; soon(Math.max(seconds * 1000, Math.min(6e4, 500 * Math.pow(2, failed)))); }

  function unknown() { id = user = null; cookie(COOKIE, '', 0); stored(function (s) { s.removeItem(USER); }); }

  var api = {
    track: function (name, properties) { event('track', {event: name, properties: properties || {}}); },
    page: function (name, properties) { event('page', {name: name || d.title, properties: properties || {}}); },
    identify: function (userId, traits) {
      user = '' + userId;
      if (allowed()) stored(function (s) { s[USER] = user; });
      event('identify', {traits: traits || {}});
    },
    /* consent({measurement: true, marketing: false}): the visitor's answer, kept with the cookie, changed at will. */
    consent: function (preferences) {
      var before = allowed();
      answer = preferences;
      if (allowed()) {
        queue.forEach(function (one) { one.context.consent = {categoryPreferences: answer}; });
        cookie(COOKIE, id = id || uuid(), MONTHS_13);
      } else if (!before) queue = [];
      event('track', {event: CHANGED, properties: {}});
      cookie(ANSWER, encodeURIComponent(JSON.stringify(answer)), 15552000);
      if (allowed()) keep(); else { flush(); unknown(); forget(); }
    },
    /* Somebody signs out: whoever comes next is somebody else. */
    reset: function () { unknown(); if (allowed()) cookie(COOKIE, id = uuid(), MONTHS_13); },
    flush: flush,
    push: function (call) { api[call[0]].apply(api, call.slice(1)); }
  };

  /* Signals: three quick clicks in one place, and waits. They name the element, never what it says. */
  var clicks = [];
  d.addEventListener('click', function (e) {
    var now = e.timeStamp, at = e.target;
    clicks = clicks.filter(function (c) { return now - c[0] < 1000 && Math.abs(c[1] - e.clientX) + Math.abs(c[2] - e.clientY) < 40; });
    clicks.push([now, e.clientX, e.clientY]);
    if (clicks.length == 3) api.track('Rage Click', {path: w.location.pathname, element: at.tagName.toLowerCase() + (at.id ? '#' + at.id : '')});
  }, true);
  function waited(ms, of) { if (ms > slow) api.track('Long Wait', {path: w.location.pathname, wait_s: Math.round(ms / 100) / 10, of: of}); }
  function watch(type, of, counts) {
    try {
      new PerformanceObserver(function (list) {
        list.getEntries().forEach(function (e) { if (counts(e)) waited(e.loadEventEnd || e.duration, of); });
      }).observe({type: type, buffered: true, durationThreshold: slow});
    } catch (e) { /* an old browser tells no waits */ }
  }
  watch('navigation', 'page', function (e) { return e.loadEventEnd; });
  watch('resource', 'request', function (e) { return /^(fetch|xml)/.test(e.initiatorType) && e.name.indexOf(host); });
  watch('event', 'click', function (e) { return e.name == 'click'; });

  w.addEventListener('online', flush);
  d.addEventListener('visibilitychange', function () {
    /* Told by beacon as the page goes; kept all the same when allowed: the next page sends them again, harmlessly. */
    if (d.visibilityState == 'hidden' && answer && queue.length) n.sendBeacon(host, new Blob([body(queue.slice(0, 50))], {type: 'text/plain'}));
  });
  function turned() { if (path != w.location.pathname) { path = w.location.pathname; api.page(); } }
  if (set.spa != 'no') {
    ['pushState', 'replaceState'].forEach(function (name) {
      var plain = w.history[name];
      w.history[name] = function () { plain.apply(this, arguments); setTimeout(turned, 0); };
    });
    w.addEventListener('popstate', turned);
  }

  try { answer = JSON.parse(decodeURIComponent(cookie(ANSWER))); } catch (e) { /* none yet */ }
  if (allowed()) {
    cookie(COOKIE, id = cookie(COOKIE) || uuid(), MONTHS_13);
    user = stored(function (s) { return s[USER]; });
    forget(true);
  }
  w.ariane = api;
  turned();
  for (var i = 0; i < early.length; i++) api.push(early[i]);
  soon(0);
})(window, document, navigator);
