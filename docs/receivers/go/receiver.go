// A receiver of Protime's events: Go 1.19 or newer, standard library only.
//
//	receiver PORT JOURNAL file KEY_FILE          reads the key from the daemon's key file, for every event
//	receiver PORT JOURNAL verify SOCKET WEBHOOK  asks the daemon about every event and never has a key
//	receiver PORT JOURNAL watch SOCKET WEBHOOK   holds the key, and is told by the daemon when there is a new one
//
// SOCKET is the daemon's control socket, WEBHOOK is TENANT/NAME. JOURNAL is where events are kept, one a line:
// those of one collection.
package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	patience = 5 * time.Second  // that an event may be ahead of its key
	grace    = time.Minute      // that the previous key is good for
	largest  = 10 * 1024 * 1024 // bytes

	genuine  = http.StatusNoContent
	refused  = http.StatusUnauthorized
	tooLarge = http.StatusRequestEntityTooLarge
	tryLater = http.StatusServiceUnavailable
)

// A way to judge an event by its Authorization header and its raw body; it answers with the status for Protime.
type way func(authorization string, body []byte) int

// signed tells whether authorization was made with key over exactly these bytes.
func signed(key []byte, authorization string, body []byte) bool {
	mac := hmac.New(sha256.New, key)
	mac.Write(body)
	right := "HMAC-SHA256 " + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return hmac.Equal([]byte(right), []byte(authorization))
}

// patiently looks at the keys again and again for a while: an event can be ahead of its key.
func patiently(keys func() ([][]byte, error)) way {
	return func(authorization string, body []byte) int {
		deadline := time.Now().Add(patience)
		for {
			known, err := keys()
			if err != nil {
				log.Printf("the key cannot be read: %v", err)
				return tryLater
			}
			for _, key := range known {
				if signed(key, authorization, body) {
					return genuine
				}
			}
			if time.Now().After(deadline) || !strings.HasPrefix(authorization, "HMAC-SHA256 ") {
				if len(known) == 0 {
					return tryLater
				}
				return refused
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
}

// Way 1: the key file.
func keyFile(path string) way {
	return patiently(func() ([][]byte, error) {
		key, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) || (err == nil && len(key) == 0) {
			return nil, nil // no webhook yet; and anyone can sign with an empty key
		}
		return [][]byte{key}, err
	})
}

// daemon is a client of the daemon's Unix socket.
func daemon(socket string) *http.Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{DialContext: dial}}
}

// Way 2: the daemon judges every event.
func verify(socket, webhook string) way {
	client, url := daemon(socket), "http://daemon/v1/webhooks/"+webhook+"/verify"
	return func(authorization string, body []byte) int {
		request, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			log.Fatal(err) // the webhook's name makes no URL
		}
		request.Header.Set("Authorization", authorization)
		answer, err := client.Do(request)
		if err != nil {
			log.Printf("the daemon does not answer: %v", err)
			return tryLater
		}
		defer answer.Body.Close()
		problem, _ := io.ReadAll(answer.Body)
		switch answer.StatusCode {
		case genuine, refused, tooLarge:
			return answer.StatusCode
		}
		// 503: no key yet. 404: the daemon knows no such webhook, which is our mistake and not the sender's.
		log.Printf("the daemon cannot judge: %d %s", answer.StatusCode, problem)
		return tryLater
	}
}

// Way 3: a goroutine waits for the next key.
func watch(socket, webhook string) way {
	var mutex sync.Mutex
	var current, previous []byte
	var previousUntil time.Time
	client := daemon(socket)

	next := func(version int) (int, error) {
		answer, err := client.Get(fmt.Sprintf("http://daemon/v1/webhooks/%s/key?after=%d&wait=30s", webhook, version))
		if err != nil {
			return 0, err
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode == http.StatusNotModified {
			return version, err
		}
		if answer.StatusCode != http.StatusOK {
			return 0, fmt.Errorf("%d %s", answer.StatusCode, body)
		}
		var found struct {
			Version   int
			Key       string
			RotatedAt string `json:"rotated_at"`
			Previous  *struct{ Key string }
		}
		if err := json.Unmarshal(body, &found); err != nil {
			return 0, err
		}
		mutex.Lock()
		defer mutex.Unlock()
		current, previous, previousUntil = []byte(found.Key), nil, time.Now().Add(grace)
		if found.Previous != nil {
			previous = []byte(found.Previous.Key)
		}
		log.Printf("key version %d since %s", found.Version, found.RotatedAt)
		return found.Version, nil
	}
	go func() {
		for version := 0; ; {
			var err error
			if version, err = next(version); err != nil {
				log.Printf("the daemon gives no key (%v); trying again", err)
				version = 0 // its state may have been restored from a backup: take whatever key it has
				time.Sleep(time.Second)
			}
		}
	}()

	return patiently(func() (keys [][]byte, err error) {
		mutex.Lock()
		defer mutex.Unlock()
		if current != nil {
			keys = append(keys, current)
		}
		if previous != nil && time.Now().Before(previousUntil) {
			keys = append(keys, previous)
		}
		return keys, nil
	})
}

// kept is an event as a line of the journal holds it.
type kept struct {
	ID      string          `json:"id"` // as JSON wrote it: 4711, or "4711" with its quotes
	Version string          `json:"version"`
	Gone    bool            `json:"gone"`
	Event   json.RawMessage `json:"event"`
}

var errNotUnderstood = errors.New("not an event of a known kind with an id")

// understood reads an event. Objects are read into maps: a struct would take a property "ID" for "id".
func understood(body []byte) (kept, error) {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	var event, data map[string]json.RawMessage
	var change, version, status, name string
	if !utf8.Valid(body) || json.Unmarshal(body, &event) != nil ||
		json.Unmarshal(event["changeType"], &change) != nil || json.Unmarshal(event["data"], &data) != nil ||
		(change != "InsertOrUpdate" && change != "Delete") {
		return kept{}, errNotUnderstood
	}
	id := data["id"]
	if json.Unmarshal(id, &name) == nil && name != "" {
		id, _ = json.Marshal(name) // one spelling of a text: \u0041 is A
	} else if digits := bytes.TrimPrefix(id, []byte("-")); len(digits) == 0 || len(bytes.Trim(digits, "0123456789")) > 0 {
		return kept{}, errNotUnderstood
	}
	// Without a version it is newer than what is known.
	if found, is := data["changeVersion"]; is && json.Unmarshal(found, &version) != nil {
		return kept{}, errNotUnderstood
	}
	_ = json.Unmarshal(data["status"], &status) // of another type it says nothing here
	// A clocking can also be deleted by an InsertOrUpdate with this status.
	gone := change == "Delete" || status == "Deleted"
	return kept{string(id), version, gone, body}, nil
}

// sum is the beginning of a line's SHA-256: it tells a damaged line from a whole one.
func sum(text []byte) string {
	whole := sha256.Sum256(text)
	return hex.EncodeToString(whole[:8])
}

// Journal keeps events, one a line, and knows the newest version of every object. In your receiver this is a database.
// A line is a sum, a space, and JSON.
type Journal struct {
	mutex    sync.Mutex
	file     *os.File
	length   int64 // of the lines that are whole
	unclean  bool  // there may be something behind them
	versions map[string]string
}

func openJournal(path string) (*Journal, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return nil, err
	}
	text = text[:bytes.LastIndexByte(text, '\n')+1] // behind it: half a line, of a crash; it was never answered for
	journal := &Journal{file: file, length: int64(len(text)), unclean: true, versions: map[string]string{}}
	for number, line := range bytes.Split(text, []byte("\n"))[:bytes.Count(text, []byte("\n"))] {
		var event kept
		begin, rest, _ := bytes.Cut(line, []byte(" "))
		if string(begin) != sum(rest) || json.Unmarshal(rest, &event) != nil {
			return nil, fmt.Errorf("the journal '%s' is damaged in line %d, and was left as it is: repair it, or "+
				"move it away and have everything resynchronised", path, number+1)
		}
		journal.remember(event)
	}
	if err := journal.clean(); err != nil {
		return nil, err
	}
	if err := file.Sync(); err != nil { // a line may have been written, but not to the disk, when this program ended
		return nil, err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	return journal, folder.Sync()
}

// Keep stores an object durably, unless a version that is as new is there already.
func (journal *Journal) Keep(event kept) error {
	journal.mutex.Lock() // comparing and storing are one step
	defer journal.mutex.Unlock()
	if known, found := journal.versions[event.ID]; found && event.Version != "" && event.Version <= known {
		return nil
	}
	if err := journal.clean(); err != nil {
		return err
	}
	text, err := json.Marshal(event)
	if err != nil {
		return err
	}
	line := []byte(sum(text) + " " + string(text) + "\n")
	journal.unclean = true
	if _, err := journal.file.Write(line); err != nil {
		return err
	}
	if err := journal.file.Sync(); err != nil {
		return err
	}
	journal.unclean = false
	journal.length += int64(len(line))
	journal.remember(event)
	return nil
}

// clean takes away what a failure left behind the last whole line: nothing may be appended to half a line.
func (journal *Journal) clean() error {
	if !journal.unclean {
		return nil
	}
	if err := journal.file.Truncate(journal.length); err != nil {
		return err
	}
	journal.unclean = false
	return nil
}

// remember the greatest version, that of a deleted object, too.
func (journal *Journal) remember(event kept) {
	if known, found := journal.versions[event.ID]; !found || event.Version > known {
		journal.versions[event.ID] = event.Version
	}
}

func receive(judge way, journal *Journal, response http.ResponseWriter, request *http.Request) int {
	if request.Method != http.MethodPost {
		return http.StatusMethodNotAllowed
	}
	body, err := io.ReadAll(http.MaxBytesReader(response, request.Body, largest))
	if err != nil && len(body) >= largest {
		return tooLarge
	} else if err != nil {
		return http.StatusBadRequest // it ended too early
	}
	if verdict := judge(request.Header.Get("Authorization"), body); verdict != genuine {
		return verdict
	}
	event, err := understood(body)
	if err != nil {
		log.Printf("a genuine event that is not understood: %v", err)
		return http.StatusUnprocessableEntity
	}
	if err := journal.Keep(event); err != nil {
		log.Printf("an event could not be stored: %v", err)
		return tryLater
	}
	return http.StatusNoContent
}

func main() {
	log.SetOutput(os.Stdout)
	if len(os.Args) < 5 || (os.Args[3] != "file" && len(os.Args) < 6) {
		log.Fatal("usage: receiver PORT JOURNAL (file KEY_FILE | verify SOCKET WEBHOOK | watch SOCKET WEBHOOK)")
	}
	journal, err := openJournal(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	var judge way
	switch os.Args[3] {
	case "file":
		judge = keyFile(os.Args[4])
	case "verify":
		judge = verify(os.Args[4], os.Args[5])
	case "watch":
		judge = watch(os.Args[4], os.Args[5])
	default:
		log.Fatalf("%q is not file, verify or watch", os.Args[3])
	}
	handler := func(response http.ResponseWriter, request *http.Request) {
		response.WriteHeader(receive(judge, journal, response, request))
	}
	server := http.Server{Addr: "127.0.0.1:" + os.Args[1], Handler: http.HandlerFunc(handler), ReadTimeout: time.Minute}
	log.Fatal(server.ListenAndServe())
}
