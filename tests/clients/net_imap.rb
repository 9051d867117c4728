# What Ruby's net/imap does with a mailbox, told as JSON on one line.
# Arguments: port, user, the file with the password, the authority's file.
require 'json'
require 'net/imap'

port, user, password_file, authority = ARGV
imap = Net::IMAP.new('localhost', port: port.to_i, ssl: { ca_file: authority })
told = {}
imap.authenticate('PLAIN', user, File.read(password_file))
told[:capabilities] = imap.capability
box = 'ruby/' + Net::IMAP.encode_utf7('Entwürfe')
message = ['From: Ann <ann@example.org>', 'To: Bob <bob@example.org>',
           'Subject: from ruby', 'MIME-Version: 1.0',
           'Content-Type: multipart/mixed; boundary=b', '', '--b',
           'Content-Type: text/plain', '', 'hello', '--b',
           'Content-Type: message/rfc822', '', 'Subject: inner', '', 'x', '--b--', ''].join("\r\n")
imap.create(box)
imap.append(box, message, [:Seen, 'ruby'], Time.utc(2026, 2, 1, 11))
imap.append(box, "Subject: two\r\n\r\nsecond\r\n")
imap.select(box)
told[:exists] = imap.responses['EXISTS'].last
told[:found] = imap.search(['SUBJECT', 'from ruby'])
told[:unseen] = imap.uid_search(['UNSEEN'])
one = imap.fetch(1, ['UID', 'FLAGS', 'ENVELOPE', 'BODYSTRUCTURE', 'RFC822.SIZE', 'INTERNALDATE', 'BODY.PEEK[]'])[0]
told[:subject] = one.attr['ENVELOPE'].subject
told[:from] = one.attr['ENVELOPE'].from[0].mailbox
told[:flags] = one.attr['FLAGS'].map(&:to_s).reject { |flag| flag == 'Recent' }.sort
told[:same] = one.attr['BODY[]'] == message
told[:size] = one.attr['RFC822.SIZE'] == message.bytesize
told[:parts] = one.attr['BODYSTRUCTURE'].parts.map { |part| "#{part.media_type}/#{part.subtype}".downcase }
told[:date] = one.attr['INTERNALDATE']
told[:thread] = imap.thread('REFERENCES', ['ALL'], 'UTF-8').length
told[:sort] = imap.sort(['REVERSE', 'SUBJECT'], ['ALL'], 'UTF-8')
imap.store(2, '+FLAGS', [:Flagged])
imap.uid_copy(1..2, 'INBOX')
imap.uid_move(2, 'Trash')
imap.store(1, '+FLAGS.SILENT', [:Deleted])
told[:expunged] = imap.expunge
told[:status] = imap.status('INBOX', %w[MESSAGES UIDNEXT UNSEEN])
told[:listed] = imap.list('', 'ruby/*').map { |one| Net::IMAP.decode_utf7(one.name) }
told[:delimiter] = imap.list('', '')[0].delim
imap.select('INBOX')
other = Net::IMAP.new('localhost', port: port.to_i, ssl: { ca_file: authority })
other.login(user, File.read(password_file))
seen = nil
thread = Thread.new { other.append('INBOX', "Subject: news\r\n\r\n") }
imap.idle(30) do |response|
  if response.is_a?(Net::IMAP::UntaggedResponse) && response.name == 'EXISTS'
    seen = response.data
    imap.idle_done
  end
end
thread.join
told[:idle] = seen
imap.rename(box, 'ruby/new')
imap.delete('ruby/new')
other.logout
imap.logout
puts JSON.generate(told)
